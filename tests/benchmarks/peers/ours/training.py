"""Our training: `python -m tests.benchmarks.peers.ours.training DATA_DIR INPUT OUTPUT`.

The shipped procedure on the champion's pinned training set: the declared search on walk-forward
folds, undersampling, early stopping, calibration. `DATA_DIR` is a copy, because trials are recorded
in the lake. Evaluation, proofs and reports are not part of it; writing predictions is not measured.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.declarations.specs import find_specs
from lakehouse.lake import Lake
from lakehouse.models import ModelSpec
from lakehouse.registry import champion
from lakehouse.training.choosing.choice import choose
from lakehouse.training.fitting.assembly import FittedModel, fit_model
from lakehouse.training.fitting.warm_start import WarmStart
from lakehouse.training.sets.dataset import pinned_set
from lakehouse.training.sets.training_data import load_training_data
from tests.benchmarks.peers.model_inputs import MODEL
from tests.benchmarks.peers.scripts.measured import measure, report
from tests.benchmarks.worlds import settings_of
from tests.project import PROJECT

THREADS = 2


def main(data_dir: Path, source: Path, target: Path) -> None:
    """Choose parameters, fit, predict the test rows."""
    found = find_specs("PredictiveModel", ModelSpec, PROJECT.defs_dir)
    spec = next(spec for spec in found if spec.name == MODEL)
    settings = settings_of(data_dir).model_copy(update={"threads": THREADS})
    fitted: list[FittedModel] = []
    with Lake(settings) as lake:
        set_id = champion(lake, MODEL).training_set_id
        with lake.reader() as cursor:
            pinned = pinned_set(cursor, spec.name, set_id)

        def train() -> None:
            data = load_training_data(spec, lake, pinned)
            fitted.append(fit_model(spec, data, choose(spec, lake, data), WarmStart(), THREADS))

        measured = measure(train)
    rows = pq.read_table(source / "rows.parquet", filters=[("split", "=", "test")])
    (batch,) = rows.combine_chunks().to_batches()
    scores = fitted[0].model.predict_rows(batch)
    table = pa.table({"key": batch.column("key"), "score": scores})
    pq.write_table(table, target / "scores.parquet")
    study = fitted[0].model.card.study
    report(
        **measured, versions={"lightgbm": version("lightgbm")}, threads=THREADS,
        trials=study.trials if study else 0,
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))

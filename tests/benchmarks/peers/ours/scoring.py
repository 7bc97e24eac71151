"""Our batch scoring: `... -m tests.benchmarks.peers.ours.scoring DATA_DIR INPUT OUTPUT TIMES`.

The models' inference code, as `lakehouse.scoring` calls it: batches of rows with features as
columns to final scores, corrected for undersampling and calibrated.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.lake import Lake
from lakehouse.models import Model, load_model
from lakehouse.registry import champion
from tests.benchmarks.peers.model_inputs import MODEL
from tests.benchmarks.peers.scripts.measured import measure, report
from tests.benchmarks.worlds import settings_of

BATCH = 100_000


def load(data_dir: Path) -> Model:
    """The champion."""
    settings = settings_of(data_dir)
    with Lake(settings, read_only=True) as lake:
        found = champion(lake, MODEL)
    return load_model(settings.models_dir, found.artefact, found.files)


def score(model: Model, source: Path, target: Path, predict: Any) -> None:
    """Read Parquet, predict, write Parquet."""
    keys, scores = [], []
    for batch in pq.ParquetFile(source / "rows.parquet").iter_batches(BATCH):
        keys.append(batch.column("key"))
        scores.append(predict(batch))
    table = pa.table({"key": pa.chunked_array(keys), "score": np.concatenate(scores)})
    pq.write_table(table, target / "scores.parquet")


def main(data_dir: Path, source: Path, target: Path, times: int) -> None:
    """Measure the final scores; then write the trees' own, which the peers predict too."""
    model = load(data_dir)
    rows = pq.ParquetFile(source / "rows.parquet").metadata.num_rows
    measured = measure(lambda: score(model, source, target, model.predict_rows), times)

    def raw(batch: pa.RecordBatch) -> Any:
        matrix = model.card.features.matrix(batch)
        return model.booster.predict(model.columns.matrix(matrix))

    score(model, source, target, raw)
    versions = {"lightgbm": version("lightgbm")}
    report(**measured, rows_per_second=rows / measured["seconds"], versions=versions, threads=2)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))

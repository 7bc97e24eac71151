"""The shipped fraud detector's training set and trees, written once for all peers.

`rows.parquet` is the pinned training set of the champion: key, `split` (train, validation, test),
`label` and the features, 32-bit floats as the trees see them. `model.txt` is LightGBM's text.
"""

import shutil
from pathlib import Path

from lakehouse.lake import Author, Lake, qualified, quote
from lakehouse.lake.layout import TRIALS
from lakehouse.models import load_model
from lakehouse.registry import champion
from tests.benchmarks.worlds import settings_of

MODEL = "fraud_detector"


def copy_lake(data_dir: Path, target: Path) -> None:
    """A copy for our search, which records its trials and would find those of an earlier one."""
    shutil.copytree(data_dir, target, symlinks=True)
    with Lake(settings_of(target)) as lake:
        with lake.writer(Author("benchmark", "", "search again")) as cursor:
            cursor.execute(f"DELETE FROM {qualified(TRIALS)}")


def write_model(data_dir: Path, folder: Path) -> None:
    """Write the champion's training set and its trees."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings_of(data_dir)
    with Lake(settings, read_only=True) as lake, lake.reader() as cursor:
        version = champion(lake, MODEL)
        model = load_model(settings.models_dir, version.artefact, version.files)
        (folder / "model.txt").write_text(model.trees)
        features = ", ".join(map(quote, model.card.features.names))
        cursor.execute(
            f"COPY (SELECT key, split, label, {features} FROM lake.training.{MODEL} "
            f"WHERE training_set_id = '{version.training_set_id}' ORDER BY key) "
            f"TO '{folder}/rows.parquet'"
        )

"""Batch scoring by MLflow's pyfunc: `mlflow_scoring.py MODE INPUT OUTPUT TIMES`.

The same LightGBM text, saved in MLflow's format and loaded as a pyfunc. Modes: `plain`, and
`signature`, where MLflow checks names and types of the columns.
"""

import sys
import tempfile
from pathlib import Path

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from measured import measure, report
from mlflow.models import infer_signature

BATCH = 100_000
_NO_FEATURES = ("key", "split", "label")


def load(mode: str, source: Path, folder: str) -> mlflow.pyfunc.PyFuncModel:
    """The booster as a pyfunc."""
    booster = lightgbm.Booster(model_file=str(source / "model.txt"))
    batch = next(pq.ParquetFile(source / "rows.parquet").iter_batches(1_000))
    rows = batch.to_pandas().drop(columns=list(_NO_FEATURES))
    signature = infer_signature(rows, booster.predict(rows)) if mode == "signature" else None
    mlflow.lightgbm.save_model(booster, f"{folder}/model", signature=signature)
    return mlflow.pyfunc.load_model(f"{folder}/model")


def score(model: mlflow.pyfunc.PyFuncModel, source: Path, target: Path) -> None:
    """Read Parquet, predict, write Parquet."""
    keys, scores = [], []
    for batch in pq.ParquetFile(source / "rows.parquet").iter_batches(BATCH):
        keys.append(batch.column("key"))
        rows: pd.DataFrame = batch.to_pandas().drop(columns=list(_NO_FEATURES))
        scores.append(np.asarray(model.predict(rows)))
    table = pa.table({"key": pa.chunked_array(keys), "score": np.concatenate(scores)})
    pq.write_table(table, target / "scores.parquet")


if __name__ == "__main__":
    mode, source, target, times = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    count = pq.ParquetFile(source / "rows.parquet").metadata.num_rows
    with tempfile.TemporaryDirectory() as folder:
        model = load(mode, source, folder)
        measured = measure(lambda: score(model, source, target), int(times))
    report(
        **measured, rows_per_second=count / measured["seconds"], threads=2,
        versions={"mlflow": mlflow.__version__, "lightgbm": lightgbm.__version__},
    )  # fmt: skip

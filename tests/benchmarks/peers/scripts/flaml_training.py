"""Training by FLAML: `flaml_training.py BUDGET INPUT OUTPUT`, its default search and learners.

Average precision on the validation rows decides; at the end FLAML fits the best model again on
training and validation rows, which is its default.
"""

import sys
from pathlib import Path

import flaml
import pandas as pd
from flaml import AutoML
from measured import measure, report

_NO_FEATURES = ["key", "split", "label"]


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that are learnt from."""
    return rows.drop(columns=_NO_FEATURES).reset_index(drop=True)


if __name__ == "__main__":
    budget, source, target = float(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    rows = pd.read_parquet(source / "rows.parquet")
    parts = {name: rows[rows["split"] == name] for name in ("train", "validation", "test")}
    labels = {name: part["label"].astype(int).to_numpy() for name, part in parts.items()}
    found = AutoML()
    log: list[str] = []

    def train() -> None:
        """Search and fit within the budget."""
        found.fit(
            features(parts["train"]), labels["train"], task="classification", metric="ap",
            X_val=features(parts["validation"]), y_val=labels["validation"],
            eval_method="holdout", time_budget=budget, n_jobs=2, seed=42, verbose=0,
        )  # fmt: skip

    measured = measure(train)
    scores = found.predict_proba(features(parts["test"]))[:, 1]
    result = pd.DataFrame({"key": parts["test"]["key"].to_numpy(), "score": scores})
    result.to_parquet(target / "scores.parquet")
    report(
        **measured, versions={"flaml": flaml.__version__}, threads=2, budget=budget,
        chosen=found.best_estimator,
    )  # fmt: skip

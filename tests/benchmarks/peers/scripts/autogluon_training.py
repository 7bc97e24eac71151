"""Training by AutoGluon: `autogluon_training.py BUDGET INPUT OUTPUT`, its default preset.

Average precision on the validation rows decides. Installed are LightGBM, CatBoost, XGBoost and the
forests of scikit-learn, without the learners that need PyTorch.
"""

import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from autogluon.tabular import TabularPredictor
from measured import measure, report

_NO_FEATURES = ["key", "split"]


def main(budget: float, source: Path, target: Path, folder: str) -> None:
    """Fit within the budget, predict the test rows."""
    rows = pd.read_parquet(source / "rows.parquet")
    rows["label"] = rows["label"].astype(int)
    parts = {name: rows[rows["split"] == name] for name in ("train", "validation", "test")}
    predictor = TabularPredictor(
        "label", problem_type="binary", eval_metric="average_precision", path=f"{folder}/models",
        verbosity=0,
    )  # fmt: skip

    def train() -> None:
        """Fit within the budget."""
        predictor.fit(
            parts["train"].drop(columns=_NO_FEATURES),
            tuning_data=parts["validation"].drop(columns=_NO_FEATURES),
            time_limit=budget, num_cpus=2, num_gpus=0,
        )  # fmt: skip

    measured = measure(train)
    scores = predictor.predict_proba(parts["test"].drop(columns=[*_NO_FEATURES, "label"]))[1]
    result = pd.DataFrame({"key": parts["test"]["key"].to_numpy(), "score": scores.to_numpy()})
    result.to_parquet(target / "scores.parquet")
    report(
        **measured, versions={"autogluon.tabular": version("autogluon.tabular")}, threads=2,
        budget=budget, chosen=predictor.model_best,
    )  # fmt: skip


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(float(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), folder)

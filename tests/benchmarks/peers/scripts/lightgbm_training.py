"""LightGBM with its defaults, as a control: `lightgbm_training.py BUDGET INPUT OUTPUT`.

A hundred trees on the training rows, nothing searched, stopped, sampled or calibrated; the budget
is not used.
"""

import sys
from pathlib import Path

import lightgbm
import pandas as pd
from measured import measure, report

_NO_FEATURES = ["key", "split", "label"]

if __name__ == "__main__":
    source, target = Path(sys.argv[2]), Path(sys.argv[3])
    rows = pd.read_parquet(source / "rows.parquet")
    train, test = (rows[rows["split"] == name] for name in ("train", "test"))
    model = lightgbm.LGBMClassifier(n_jobs=2, verbosity=-1, random_state=42)
    measured = measure(lambda: model.fit(train.drop(columns=_NO_FEATURES), train["label"]))
    scores = model.predict_proba(test.drop(columns=_NO_FEATURES))[:, 1]
    pd.DataFrame({"key": test["key"], "score": scores}).to_parquet(target / "scores.parquet")
    report(
        **measured,
        versions={"lightgbm": lightgbm.__version__},
        threads=2,
        budget=0,
        chosen="its defaults",
    )

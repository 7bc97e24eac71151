from datetime import datetime

import numpy as np

from lakehouse.evaluation import plots

RANDOM = np.random.default_rng(0)
SCORE = RANDOM.random(500)
TRUTH = RANDOM.random(500) < SCORE * 0.3
PICTURES = {
    "precision_recall": lambda: plots.precision_recall_plot(TRUTH, SCORE, 0.8),
    "scores": lambda: plots.score_histogram(TRUTH, SCORE, 0.8),
    "calibration": lambda: plots.calibration_plot(TRUTH, SCORE),
    "forecast": lambda: plots.forecast_plot(SCORE * 100, SCORE * 90 + 5),
    "confusion": lambda: plots.confusion_plot(
        np.arange(500) % 3, RANDOM.random((500, 3)), ["amount", "terminal", "card"]
    ),
    "importance": lambda: plots.importance_plot({f"f{i}": float(i) for i in range(30)}),
    "history": lambda: plots.metric_history_plot(
        "auc_roc", [datetime(2026, 1, d) for d in (1, 8, 15)], [0.8, None, 0.9], ["v1", "v2", "v3"]
    ),
}


def test_every_picture_is_a_png_that_differs_from_an_empty_one():
    for name, draw in PICTURES.items():
        png = draw()
        assert png.startswith(b"\x89PNG"), name
        assert len(png) > 8_000, name

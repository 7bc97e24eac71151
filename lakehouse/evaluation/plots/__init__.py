"""Plots of a model for the UI and for reports, by topic. Each plot states its rows and its unit.

Drawing only: the values come from `metrics` and `explanations`, the rows from `training.replay`.
"""

from lakehouse.evaluation.plots.canvas import Picture
from lakehouse.evaluation.plots.choosing import metric_history_plot, search_plot
from lakehouse.evaluation.plots.explaining import importance_plot, shap_plot
from lakehouse.evaluation.plots.outputs import confusion_plot, forecast_plot, residual_plot
from lakehouse.evaluation.plots.proving import (
    Spread,
    interval_plot,
    weeks_plot,
)
from lakehouse.evaluation.plots.reviewing import found_plot, net_plot
from lakehouse.evaluation.plots.scores import (
    calibration_plot,
    precision_recall_plot,
    roc_plot,
    score_histogram,
)

__all__ = [
    "Picture",
    "Spread",
    "calibration_plot",
    "confusion_plot",
    "forecast_plot",
    "found_plot",
    "importance_plot",
    "interval_plot",
    "metric_history_plot",
    "net_plot",
    "precision_recall_plot",
    "residual_plot",
    "roc_plot",
    "score_histogram",
    "search_plot",
    "shap_plot",
    "weeks_plot",
]

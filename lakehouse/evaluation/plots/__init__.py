"""Plots of a model for the UI and for reports, by topic. Each plot states its rows and its unit.

Drawing only: the values come from `metrics` and `explanations`, the rows from
`training.judging.replays`.
"""

from lakehouse.evaluation.plots.canvas import Picture
from lakehouse.evaluation.plots.choosing import metric_history_plot, search_plot
from lakehouse.evaluation.plots.explaining import importance_plot, shap_plot
from lakehouse.evaluation.plots.outputs import confusion_plot, forecast_plot, residual_plot
from lakehouse.evaluation.plots.proving import (
    Estimate,
    interval_plot,
    weeks_plot,
)
from lakehouse.evaluation.plots.reviewing import net_value_plot, share_found_plot
from lakehouse.evaluation.plots.scores import (
    calibration_plot,
    precision_recall_plot,
    roc_plot,
    score_histogram,
)

__all__ = [
    "Estimate",
    "Picture",
    "calibration_plot",
    "confusion_plot",
    "forecast_plot",
    "importance_plot",
    "interval_plot",
    "metric_history_plot",
    "net_value_plot",
    "precision_recall_plot",
    "residual_plot",
    "roc_plot",
    "score_histogram",
    "search_plot",
    "shap_plot",
    "share_found_plot",
    "weeks_plot",
]

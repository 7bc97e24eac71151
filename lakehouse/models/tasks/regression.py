"""Regression: a forecast in the label's unit, compared with naive forecasts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lakehouse.evaluation.metrics import metric_value, metric_values
from lakehouse.evaluation.periods import DAY, Period
from lakehouse.evaluation.predictions import Regression
from lakehouse.models.schema import LARGEST
from lakehouse.models.tasks.numbers import floats_or_nan
from lakehouse.models.tasks.task import (
    Array,
    LabelledRows,
    LabelSummary,
    Losses,
    Mask,
    Outcome,
    Task,
    Trivial,
)

if TYPE_CHECKING:
    from lakehouse.evaluation.plots import Picture


class RegressionTask(Task):
    """Forecasts of a number that fits LightGBM's 32-bit floats."""

    name = "regression"
    has_probabilities = False
    label_kinds = frozenset({"whole number", "number"})
    label_needs = (
        "a number; cast it in a dbt model, or make the `task` binary (yes or no) or multiclass (a "
        "text)"
    )
    label_refused = f"NOT abs(label) <= {LARGEST!r} OR isnan(label)"
    label_remedy = "a regression needs finite labels within ±3.4e+38; make it NULL in a dbt model"
    label_figures = "NULL, avg(label)"
    objective: ClassVar[Mapping[str, Any]] = {"objective": "regression_l1", "metric": "l1"}
    free_params = frozenset({"objective"})
    default_metric = "mae"
    probe_metric = "mae"
    segment_metrics = ("mae",)
    expected_metric = None
    linear_name = "ridge"
    logged: ClassVar[Mapping[str, str]] = {"prediction": "DOUBLE"}

    def forward_label_problem(self, is_yes_or_no: bool) -> str:
        """A regression forecasts the number itself."""
        if not is_yes_or_no:
            return ""
        return (
            "is yes or no, not a number; use `op: count` or `op: sum` without `at_least`, or "
            "make the `task` binary"
        )

    def classes_of(self, label: Array) -> list[Mask] | None:
        """None."""
        return None

    def commonest(self, label: Array) -> Mask | None:
        """None."""
        return None

    def fit_linear(self, x: Array, label: Array, x_scored: Array, classes: int) -> Array:
        """Forecasts (rows,) of a ridge regression."""
        from sklearn.linear_model import Ridge

        forecast: Array = Ridge().fit(x, label).predict(x_scored)
        return forecast

    def losses(self, label: Array, prediction: Array, train_label: Array) -> list[Losses]:
        """Absolute errors against those of the median, squared errors against those of the mean."""
        error = prediction - label
        return [
            Losses("mean absolute error", np.abs(error), np.abs(np.median(train_label) - label)),
            Losses("mean squared error", np.square(error), np.square(train_label.mean() - label)),
        ]

    def predictions(
        self,
        rows: LabelledRows,
        prediction: Array,
        constant: float,
        *,
        threshold: float | None = None,
        alerts: int | None = None,
        period: Period = DAY,
    ) -> Regression:
        """Forecasts with the naive ones: those of a forward label, or the training mean."""
        return Regression(rows.label, prediction, _naive_forecasts(rows, constant))

    def trivial(self, train: Array, rows: LabelledRows, classes: int) -> Trivial:
        """The naive forecast with the smallest mean absolute error."""
        naive = _naive_forecasts(rows, self.baseline(train))
        best = min(naive, key=lambda name: metric_value(Regression(rows.label, naive[name]), "mae"))
        return Trivial(best, naive[best])

    def baselines(
        self, predictions: Regression, constant: float, classes: Sequence[str]
    ) -> dict[str, float]:
        """Errors of each naive forecast."""
        return {
            f"{name}_{metric}": value
            for name, forecast in (predictions.naive or {}).items()
            for metric, value in metric_values(Regression(predictions.truth, forecast)).items()
        }

    def from_log(
        self,
        found: Mapping[str, Any],
        naive: Mapping[str, Array],
        alerts: int | None,
        period: Period = DAY,
    ) -> tuple[Regression, tuple[str, ...]]:
        """Forecasts."""
        truth, forecast = floats_or_nan(found["label"]), floats_or_nan(found["logged_prediction"])
        return Regression(truth, forecast, naive or None), ()

    def label_headers(self, classes: Sequence[str], unit: str) -> tuple[str, ...]:
        """The mean."""
        return (f"Mean label{f' ({unit})' if unit else ''}",)

    def label_cells(self, labels: LabelSummary, classes: Sequence[str]) -> tuple[str, ...]:
        """The mean."""
        from lakehouse.evaluation.report.formatting import number

        return (number(labels.mean),)

    def contribution(self, unit: str) -> str:
        """The label's unit."""
        return f"Contribution to the forecast{f' ({unit})' if unit else ''}"

    def pictures(self, outcome: Outcome) -> "dict[str, Picture]":
        """Forecasts and errors."""
        from lakehouse.evaluation import plots

        return {
            "forecast": plots.forecast_plot(outcome.label, outcome.prediction, outcome.unit),
            "errors": plots.residual_plot(outcome.label, outcome.prediction, outcome.unit),
        }


def _naive_forecasts(rows: LabelledRows, constant: float) -> dict[str, Array]:
    return dict(rows.naive) or {"naive_constant": np.full(len(rows.label), constant)}

"""Binary classification: a score, a threshold, and alerts for people to review."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lakehouse.evaluation.expectations import expected_metrics
from lakehouse.evaluation.metrics import metric_values
from lakehouse.evaluation.periods import DAY, Period
from lakehouse.evaluation.predictions import Binary
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

_BASELINES = ("average_precision", "auc_roc", "accuracy", "log_loss")


class BinaryTask(Task):
    """Scores between 0 and 1 for a label that is 0 or 1."""

    name = "binary"
    decides = True
    label_kinds = frozenset({"whole number", "number", "boolean"})
    label_needs = "0 and 1, or a BOOLEAN; compare it with a value in a dbt model"
    label_refused = "label NOT IN (0, 1)"
    label_remedy = (
        "a binary model's label must be 0 or 1; compare it with a bound in a dbt model, or make "
        "the `task` a regression"
    )
    label_figures = "count(*) FILTER (label > 0), avg(label)"
    min_scored_labels = 2
    # a proper loss: average precision depends only on the order of scores, and with few positives
    # its maximum is often by chance after a few trees
    objective: ClassVar[Mapping[str, Any]] = {"objective": "binary", "metric": "binary_logloss"}
    default_metric = "average_precision"
    probe_metric = "auc_roc"
    segment_metrics = ("average_precision", "auc_roc", "recall")
    expected_metric = "average_precision"
    logged: ClassVar[Mapping[str, str]] = {"score": "DOUBLE"}

    def forward_label_problem(self, is_yes_or_no: bool) -> str:
        """A forward number needs a bound to become a binary label."""
        if is_yes_or_no:
            return ""
        return (
            "is a number, and a binary model needs yes or no: set `label.at_least` to the smallest "
            "value that counts as yes, use `op: exists`, or make the `task` a regression"
        )

    def classes_of(self, label: Array) -> list[Mask] | None:
        """The positives."""
        return [label > 0]

    def fit_linear(self, x: Array, label: Array, x_scored: Array, classes: int) -> Array:
        """Scores (rows,) of a logistic regression."""
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(max_iter=300).fit(x, label.astype(int))
        score: Array = fitted.predict_proba(x_scored)[:, 1]
        return score

    def losses(self, label: Array, prediction: Array, train_label: Array) -> list[Losses]:
        """None: scores are compared by their order, which does not depend on the base rate."""
        return []

    def predictions(
        self,
        rows: LabelledRows,
        prediction: Array,
        constant: float,
        *,
        threshold: float | None = None,
        alerts: int | None = None,
        period: Period = DAY,
    ) -> Binary:
        """Scores, decisions by `threshold`, and each period's `alerts`."""
        flagged = None if threshold is None else prediction >= threshold
        found = Binary(rows.label > 0, prediction, flagged)
        return found.with_capacity(period, rows.day, alerts)

    def trivial(self, train: Array, rows: LabelledRows, classes: int) -> Trivial:
        """The base rate, which flags nothing."""
        return Trivial("base rate", np.full(len(rows.label), train.mean()), np.inf)

    def baselines(
        self, predictions: Binary, constant: float, classes: Sequence[str]
    ) -> dict[str, float]:
        """Positives, and metrics of the base rate."""
        rows = predictions.rows
        trivial = Binary(predictions.truth, np.full(rows, constant), np.zeros(rows, dtype=bool))
        values = metric_values(trivial, only=_BASELINES)
        return {
            "positives": float(predictions.positives),
            **{f"baseline_{name}": value for name, value in values.items()},
        }

    def from_log(
        self,
        found: Mapping[str, Any],
        naive: Mapping[str, Array],
        alerts: int | None,
        period: Period = DAY,
    ) -> tuple[Binary, tuple[str, ...]]:
        """Scores and logged decisions; a score that is NaN or missing ranks last."""
        score = np.nan_to_num(floats_or_nan(found["logged_score"]), nan=0.0)
        flagged = found["logged_decision"].astype(bool).filled(False)
        day = found["day"].astype(np.int64).filled()
        rows = Binary(floats_or_nan(found["label"]) > 0, score, flagged)
        return rows.with_capacity(period, day, alerts), ()

    def expected(self, number: Array, flagged: Mask, alerts: int) -> dict[str, float | None]:
        """All metrics that follow from calibrated scores."""
        return expected_metrics(number, flagged, alerts)

    def label_headers(self, classes: Sequence[str], unit: str) -> tuple[str, ...]:
        """Positives and their share."""
        return ("Positives", "Base rate")

    def label_cells(self, labels: LabelSummary, classes: Sequence[str]) -> tuple[str, ...]:
        """Positives and their share."""
        from lakehouse.evaluation.report.formatting import share

        positives = labels.positives or 0
        return (f"{positives:,}", share(positives / labels.rows))

    def pictures(self, outcome: Outcome) -> "dict[str, Picture]":
        """Scores, curves and calibration."""
        from lakehouse.evaluation import plots

        truth, score, threshold = outcome.label > 0, outcome.prediction, outcome.threshold
        drawn = {"scores": plots.score_histogram(truth, score, threshold)}
        if truth.any() and not truth.all():
            drawn |= {
                "roc": plots.roc_plot(truth, score),
                "precision_recall": plots.precision_recall_plot(truth, score, threshold),
                "calibration": plots.calibration_plot(truth, outcome.scores),
            }
        return drawn

"""How figures are written in a report: numbers, intervals, and the names of metrics."""

from datetime import date, datetime

from lakehouse.evaluation.document import Interval

NOT_TOLD = "–"

PERIODS = {
    "train": "Training",
    "validation": "Validation",
    "out_of_fold": "Out of fold",
    "test": "Test",
}
"""Names of the periods, in the order in which they are shown."""

_NAMES = {
    "auc_roc": ("Area under ROC", "chance that a positive scores above a negative"),
    "average_precision": ("Average precision", "area under precision over recall"),
    "log_loss": ("Log loss", "lower is better"),
    "precision_at_capacity": ("Precision at capacity", "share of each day's alerts that are right"),
    "recall_at_capacity": ("Recall at capacity", "share of positives among each day's alerts"),
    "alerts_per_day": ("Alerts a day", "at the threshold"),
    "observed_over_expected": ("Observed over expected", "positives over the sum of scores"),
    "accuracy": ("Accuracy", "share of rows decided rightly"),
    "precision": ("Precision", "at the threshold"),
    "recall": ("Recall", "at the threshold"),
    "f1": ("F1", "at the threshold"),
    "mae": ("Mean absolute error", "in the label's unit, lower is better"),
    "rmse": ("Root mean squared error", "in the label's unit, lower is better"),
    "better_than_naive": ("Better than naive", "share by which the best naive MAE is undercut"),
    "macro_f1": ("Macro F1", "mean over classes"),
    "better_than_majority": ("Better than majority", "accuracy gained on the commonest class"),
    "tpr": ("True positive rate", ""),
    "fpr": ("False positive rate", ""),
}


def metric_name(metric: str) -> str:
    """A metric's name for people: `auc_roc` is "Area under ROC"."""
    return _NAMES.get(metric, (metric.replace("_", " ").capitalize(), ""))[0]


def metric_note(metric: str) -> str:
    """What a metric says in half a line, or nothing."""
    return _NAMES.get(metric, ("", ""))[1]


def number(value: float | None) -> str:
    """A figure with its leading digits; whole numbers with thousands apart; a dash for None."""
    if value is None:
        return NOT_TOLD
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4f}" if 0.01 <= abs(value) < 1 else f"{value:.4g}"


def share(value: float | None) -> str:
    """A share as per cent."""
    if value is None:
        return NOT_TOLD
    return f"{value:.1%}" if value >= 0.01 or value == 0 else f"{value:.2%}"


def interval(found: Interval | None) -> str:
    """A value with its interval: `0.41 [0.37, 0.45]`."""
    if found is None:
        return NOT_TOLD
    return f"{number(found.value)} {bounds(found)}"


def bounds(found: Interval | None) -> str:
    """Only the ends: `[0.37, 0.45]`."""
    return "" if found is None else f"[{number(found.low)}, {number(found.high)}]"


def day(time: datetime | date) -> str:
    """A day as ISO writes it."""
    return f"{time:%Y-%m-%d}"


def moment(time: datetime) -> str:
    """A time in UTC to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"

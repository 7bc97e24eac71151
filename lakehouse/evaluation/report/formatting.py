"""Formatting in reports: numbers, intervals, and the names of metrics."""

from contextlib import suppress
from datetime import date, datetime

from lakehouse.evaluation.document import Interval
from lakehouse.evaluation.metrics import UnknownMetric, find_metric

NOT_AVAILABLE = "–"

PERIODS = {
    "train": "Training",
    "validation": "Validation",
    "out_of_fold": "Out of fold",
    "test": "Test",
}
"""Names of the periods, in display order."""

_RATES = {"tpr": "True positive rate", "fpr": "False positive rate"}


def metric_name(metric: str) -> str:
    """A metric's display name: `auc_roc` is "Area under ROC"."""
    with suppress(UnknownMetric):
        return find_metric(metric).label
    return _RATES.get(metric, metric.replace("_", " ").capitalize())


def metric_note(metric: str) -> str:
    """A metric's half-line description, and whether lower is better; may be empty."""
    with suppress(UnknownMetric):
        found = find_metric(metric)
        return found.description + (", lower is better" if found.lower_is_better else "")
    return ""


def number(value: float | None) -> str:
    """A number to its significant digits; integers with thousands separators; a dash for None."""
    if value is None:
        return NOT_AVAILABLE
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4f}" if 0.01 <= abs(value) < 1 else f"{value:.4g}"


def share(value: float | None) -> str:
    """A share as a percentage."""
    if value is None:
        return NOT_AVAILABLE
    return f"{value:.1%}" if value >= 0.01 or value == 0 else f"{value:.2%}"


def interval(found: Interval | None) -> str:
    """A value with its interval: `0.41 [0.37, 0.45]`."""
    if found is None:
        return NOT_AVAILABLE
    return f"{number(found.value)} {bounds(found)}"


def bounds(found: Interval | None) -> str:
    """Only the ends: `[0.37, 0.45]`."""
    return "" if found is None else f"[{number(found.low)}, {number(found.high)}]"


def day(time: datetime | date) -> str:
    """A day in ISO format."""
    return f"{time:%Y-%m-%d}"


def moment(time: datetime) -> str:
    """A time in UTC to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"

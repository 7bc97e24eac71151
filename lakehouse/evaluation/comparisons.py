"""Paired comparison of two predictions on the same rows: do they differ, and by how much?

These verdicts are for a single look. Repeated looks at maturing labels need `sequential.py`.
"""

import math
from collections.abc import Sequence

import numpy as np

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.document import Against, Comparison, Interval, Verdict
from lakehouse.evaluation.intervals import LEVEL, interval_of
from lakehouse.evaluation.metrics import Metric, find_metric, metric_values
from lakehouse.evaluation.predictions import Predictions
from lakehouse.evaluation.resampling import Resampling, resample
from lakehouse.evaluation.scales import DIFFERENCE, IDENTITY

MINIMUM_POSITIVES = 50


def compare(
    ours: Predictions,
    theirs: Predictions,
    resampling: Resampling,
    *,
    against: Against,
    version: str,
    metrics: Sequence[str],
    minimum_positives: int = MINIMUM_POSITIVES,
    level: float = LEVEL,
) -> tuple[Comparison, ...]:
    """One comparison per metric. Both use the same resamples, so shared variation cancels out.

    Raises:
        ValueError: when the predictions are for different rows, or lack one of the metrics.
    """
    if not np.array_equal(ours.truth, theirs.truth):
        raise ValueError(
            "only predictions for the same rows can be compared, and these truths differ"
        )
    our_values, their_values = (metric_values(each, only=metrics) for each in (ours, theirs))
    if unknown := [name for name in metrics if name not in our_values.keys() & their_values.keys()]:
        known = sorted(metric_values(ours).keys() & metric_values(theirs).keys())
        raise ValueError(
            f"cannot compare {', '.join(unknown)}: both predictions have {', '.join(known)}"
        )

    def differences(weights: Floats) -> Floats:
        one, other = (metric_values(each, weights, metrics) for each in (ours, theirs))
        return np.array([one[name] - other[name] for name in metrics])

    repeats = resample(differences, resampling)
    found = []
    for place, name in enumerate(metrics):
        value = our_values[name] - their_values[name]
        metric = find_metric(name, ours.task)
        scale = DIFFERENCE if metric.unit == "share" else IDENTITY
        interval = interval_of(value, repeats[:, place], ours.positives, scale, level)
        enough = ours.positives >= minimum_positives
        found.append(
            Comparison(
                against=against,
                version=version,
                metric=name,
                ours=finite_or_none(our_values[name]),
                theirs=finite_or_none(their_values[name]),
                difference=interval,
                standard_error=float(np.nanstd(repeats[:, place])) if interval else None,
                rows=ours.rows,
                positives=ours.positives,
                verdict=_verdict(metric, interval) if enough and interval else "insufficient",
            )
        )
    return tuple(found)


def finite_or_none(value: float) -> float | None:
    """The value, or None instead of NaN, as records require."""
    return value if math.isfinite(value) else None


def _verdict(metric: Metric, difference: Interval) -> Verdict:
    if difference.low <= 0 <= difference.high:
        return "no difference shown"
    return "better" if (difference.low > 0) != metric.lower_is_better else "worse"

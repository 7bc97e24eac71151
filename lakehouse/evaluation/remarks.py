"""Remarks on an evaluation: what a reviewer should look at first.

A remark is a reason to look, not a verdict: gates decide. The bounds below are conventions.
"""

from dataclasses import dataclass

from lakehouse.evaluation.document import Evaluation
from lakehouse.evaluation.metrics import ALERTS_PER, find_metric
from lakehouse.evaluation.review_document import LabelRisk, Proxy, Stability, StressResult

MAX_CAPACITY_DEVIATION = 0.15
"""Share by which alerts a day (week) may deviate from the declared capacity."""
MIN_ALERTS_KEPT = 0.7
"""Minimum share of alerts that refits have in common with the version, at the median."""
MAX_ALERT_FACTOR, MIN_ALERT_FACTOR = 2.0, 0.5
"""Factors of the usual alerts a day (week)."""
MAX_WRONG_LABELS = 0.05
"""Share of positives that were reported late or reversed."""
STRONG_PROXY, MIN_GAIN_SHARE = 0.3, 0.05
"""Cramer's V that counts as medium (Cohen, *Statistical Power Analysis*, 1988), with two groups;
and share of the gain of all trees."""


@dataclass(frozen=True)
class Remark:
    """Where to look, in one word, and why."""

    topic: str
    text: str


def find_remarks(found: Evaluation) -> tuple[Remark, ...]:
    """Remarks on the contents of the evaluation; absent parts give no remark."""
    review = found.review
    texts = [
        ("capacity", _capacity(found)),
        ("calibration", _calibration(found)),
        ("stability", review.stability and _stability(review.stability)),
        *(("stress", _stress(review.stress, one, review.stress_metric)) for one in review.stress),
        ("labels", review.labels and _labels(review.labels)),
        *(("proxies", _proxy(one)) for one in review.proxies),
    ]
    return tuple(Remark(topic, text) for topic, text in texts if text)


def _capacity(found: Evaluation) -> str:
    curve = found.review.capacity
    if curve is None:
        return ""
    alerts = found.metrics.get("test", {}).get(ALERTS_PER[curve.per])
    if alerts is None:
        return ""
    deviation = alerts / curve.declared - 1
    if abs(deviation) <= MAX_CAPACITY_DEVIATION:
        return ""
    return (
        f"{alerts:,.4g} alerts {curve.rate} in the test period at the version's threshold, "
        f"{abs(deviation):.0%} {'more' if deviation > 0 else 'fewer'} than the capacity of "
        f"{curve.declared:,}"
    )


def _calibration(found: Evaluation) -> str:
    ratio = found.calibration.observed_over_expected if found.calibration else None
    if ratio is None or ratio.low <= 1 <= ratio.high:
        return ""
    return (
        f"{ratio.value:.2f} times as many positives in the test period as the scores predict "
        f"({ratio.level:.0%} interval {ratio.low:.2f} to {ratio.high:.2f})"
    )


def _stability(found: Stability) -> str:
    kept = sorted(
        one.agree for one in found.refits if one.agree is not None and one.kind == "sample"
    )
    middle = kept[(len(kept) - 1) // 2] if kept else 1.0
    if middle >= MIN_ALERTS_KEPT:
        return ""
    return (
        f"refits on resampled rows keep {middle:.0%} of the alerts; the rest depend on which "
        "rows were sampled"
    )


def _stress(results: tuple[StressResult, ...], one: StressResult, metric: str) -> str:
    """More than twice or fewer than half the alerts, or more than half of the metric lost."""
    if one.kind == "none" or not one.changed:
        return ""
    usual, found = results[0].alerts, []
    if usual and one.alerts is not None:
        factor = one.alerts / usual
        if not MIN_ALERT_FACTOR <= factor <= MAX_ALERT_FACTOR:
            rate = "a day" if one.alerts_per_week is None else "a week"
            found.append(f"{one.alerts:,.4g} alerts {rate} instead of {usual:,.4g}")
    before, now = results[0].value, one.value
    higher = find_metric(metric).better == "higher"
    if higher and before is not None and now is not None and now < before / 2:
        found.append(f"{metric.replace('_', ' ')} {now:.3f} instead of {before:.3f}")
    return f"{stress_name(one)}: {', '.join(found)}" if found else ""


def stress_name(one: StressResult) -> str:
    """The stress in words."""
    name = one.name.replace("_", " ")
    return {
        "none": name,
        "lost": f"all features of {name} missing",
        "stale": f"{name} as of an earlier day",
        "adversarial": name,
    }[one.kind]


def _labels(found: LabelRisk) -> str:
    late = (found.late or {}).get("train", 0)
    taken_back = (found.reversed or {}).get("train", 0)
    parts = []
    if late and found.late_share > MAX_WRONG_LABELS:
        parts.append(f"{found.late_share:.1%} were reported after their label had settled")
    if taken_back and found.reversed_share > MAX_WRONG_LABELS:
        parts.append(f"{found.reversed_share:.1%} were reversed")
    return f"of the positives of the training period, {' and '.join(parts)}" if parts else ""


def _proxy(one: Proxy) -> str:
    strong = one.strength > max(STRONG_PROXY, one.floor)
    if not (strong and one.importance >= MIN_GAIN_SHARE):
        return ""
    return (
        f"{one.feature} predicts the {one.group.replace('_', ' ')} (Cramer's V {one.strength:.2f}) "
        f"and has {one.importance:.0%} of the gain"
    )

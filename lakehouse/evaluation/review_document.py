"""Records of `evaluation.json` for model-risk review, in addition to the quality of a version.

Only the schema; the modules named after each record compute the values. Money is an integer in
minor units (cents): `unit` has `scale` decimal places.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from lakehouse.evaluation.periods import PeriodName, find_period
from lakehouse.evaluation.record import Interval, Record


class RowCount(Record):
    """Where the rows of a period went, from those in the lake to those used.

    Each row counts once: `sampled_out` by `split.sample_every`, `blocked` by the model itself,
    `unlabelled` without a label that had settled when the period was cut off, `without_features`,
    `undersampled`, or `used`. `null_labels` of the unlabelled ones have NULL in the label's column.
    """

    period: str
    landed: int
    sampled_out: int = 0
    blocked: int = 0
    unlabelled: int = 0
    without_features: int = 0
    undersampled: int = 0
    used: int
    null_labels: int = Field(default=0, exclude_if=lambda count: count == 0)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        lost = self.sampled_out + self.blocked + self.unlabelled + self.without_features
        if self.landed != lost + self.undersampled + self.used:
            raise ValueError(f"the rows of {self.period} do not add up: {self!r}")
        return self


class CapacityPoint(Record):
    """Results at `alerts` a period: `precision`, `recall`, and the amounts caught and net."""

    alerts: int
    precision: float | None
    recall: Interval | None
    caught: int | None = None
    caught_share: Interval | None = None
    net: int | None = None


class CurvePoint(Record):
    """A point of the plotted curve: shares found, and the net value in minor units."""

    alerts: int
    recall: float
    caught_share: float | None
    net: int | None


class CapacityCurve(Record):
    """Sensitivity to capacity over `days` of test rows, or as many weeks if that is what `per` is.

    `total` is the amount of all positives, `alert_costs` the cost of reviewing one alert; `peak` is
    the capacity with the highest net value, or None if that still rises at the end of the curve or
    is never positive.
    """

    declared: int
    per: PeriodName = Field(default="day", exclude_if=lambda name: name == "day")
    days: int
    points: tuple[CapacityPoint, ...]
    curve: tuple[CurvePoint, ...]
    unit: str = ""
    scale: int = 0
    total: int | None = None
    alert_costs: int | None = None
    peak: int | None = None

    @property
    def rate(self) -> str:
        """`a day`, `a week`."""
        return find_period(self.per).rate

    @property
    def length(self) -> str:
        """The number of periods in words: `14 test days`."""
        return f"{self.days} test {self.per}s"


class Refit(Record):
    """A refit of the same recipe with another seed or on a resample of whole clusters.

    `value` is the primary metric, `rank` Spearman's correlation with this version's scores, and
    `agree` the share of this version's alerts (or classes) that the refit also gives.
    """

    kind: Literal["seed", "sample", "previous version"]
    name: str
    value: float | None
    rank: float | None = None
    agree: float | None = None


class Stability(Record):
    """How much of a version is due to chance: refits next to its own `value` of `metric`."""

    metric: str
    value: float | None
    refits: tuple[Refit, ...]


class StressResult(Record):
    """The test rows under a stress that changed the share `changed` of them."""

    name: str
    kind: Literal["none", "lost", "stale", "adversarial"]
    changed: float
    value: float | None
    alerts_per_day: float | None = None
    alerts_per_week: float | None = Field(default=None, exclude_if=lambda value: value is None)

    @property
    def alerts(self) -> float | None:
        """The alerts in each period of the capacity, a day or a week."""
        return self.alerts_per_day if self.alerts_per_week is None else self.alerts_per_week


class LabelScenario(Record):
    """A metric under other labels; with several draws, the mean and the extremes."""

    name: str
    flipped: int
    value: float | None
    low: float | None = None
    high: float | None = None


class LabelRisk(Record):
    """Labels that proved wrong over time, and the effect of wrong labels on `metric`.

    By period: `positives`; `late` ones, which were reported after their label had settled as
    negative; and `reversed` ones. None if no table of those is declared. Scenarios flip
    `late_share` and `reversed_share` of the positives: the shares of the training period, which has
    been observed longest, or an assumption if it has none.
    """

    metric: str
    value: float | None
    positives: dict[str, int]
    late: dict[str, int] | None
    reversed: dict[str, int] | None
    late_share: float
    reversed_share: float
    scenarios: tuple[LabelScenario, ...]


class Proxy(Record):
    """How well a feature predicts a group: Cramer's V, 0 to 1, and the value that chance reaches.

    `importance` is the feature's share of the gain of all trees.
    """

    group: str
    feature: str
    strength: float
    floor: float
    importance: float


class Review(Record):
    """Sensitivity, stability, stress, labels and proxies; None or empty if not computed."""

    capacity: CapacityCurve | None = None
    stability: Stability | None = None
    stress: tuple[StressResult, ...] = ()
    stress_metric: str = ""
    labels: LabelRisk | None = None
    proxies: tuple[Proxy, ...] = ()

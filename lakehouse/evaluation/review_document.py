"""What a reviewer of model risk asks beside how good a version is, as records of `evaluation.json`.

Only the shape; how the figures come about is in the modules that are named after them. Money is
whole minor units (cents): `scale` digits lie behind the point of the `unit`.
"""

from typing import Literal, Self

from pydantic import model_validator

from lakehouse.evaluation.record import Interval, Record


class RowCount(Record):
    """Where the rows of a period went, from those in the lake to those that were used.

    Each row is in one place: `sampled_out` by `split.every`, `blocked` by the model itself,
    `unlabelled` when the period was cut off, `without_features`, `undersampled`, or `used`.
    """

    period: str
    landed: int
    sampled_out: int = 0
    blocked: int = 0
    unlabelled: int = 0
    without_features: int = 0
    undersampled: int = 0
    used: int

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        lost = self.sampled_out + self.blocked + self.unlabelled + self.without_features
        if self.landed != lost + self.undersampled + self.used:
            raise ValueError(f"the rows of {self.period} do not add up: {self!r}")
        return self


class CapacityPoint(Record):
    """What `alerts` a day find: `precision`, `recall`, and in money what they catch and net."""

    alerts: int
    precision: float | None
    recall: Interval | None
    caught: int | None = None
    caught_share: Interval | None = None
    net: int | None = None


class CurvePoint(Record):
    """A point of the picture: shares found, and the net value in minor units."""

    alerts: int
    recall: float
    caught_share: float | None
    net: int | None


class CapacityCurve(Record):
    """Sensitivity to capacity over `days` of test rows.

    `total` is the amount of all positives, `alert_costs` what looking at one alert costs; `peak`
    is the capacity with the highest net value, unless that still rises at the end of the curve.
    """

    declared: int
    days: int
    points: tuple[CapacityPoint, ...]
    curve: tuple[CurvePoint, ...]
    unit: str = ""
    scale: int = 0
    total: int | None = None
    alert_costs: int | None = None
    peak: int | None = None


class Refit(Record):
    """The same recipe once more, with another seed or on a resample of whole clusters.

    `value` is the primary metric, `rank` Spearman's correlation with this version's scores, and
    `agree` the share of this version's alerts (or classes) that the other gives as well.
    """

    kind: Literal["seed", "sample", "previous version"]
    name: str
    value: float | None
    rank: float | None = None
    agree: float | None = None


class Stability(Record):
    """How much of a version is chance: refits beside its own `value` of `metric`."""

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


class LabelScenario(Record):
    """A metric if labels were otherwise; over several draws the mean and the extremes."""

    name: str
    flipped: int
    value: float | None
    low: float | None = None
    high: float | None = None


class LabelRisk(Record):
    """Labels that time proved wrong, and what wrong labels would make of `metric`.

    By period: `positives`, `late` ones, which were reported after their label had settled as
    negative, and `reversed` ones, which were taken back; None where no table of those is declared.
    Scenarios flip `late_share` and `reversed_share` of the positives: those of the training period,
    which has been watched longest, or an assumption if nothing was found there.
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
    """How well a feature tells a group: Cramer's V, 0 to 1, beside what chance alone reaches.

    `importance` is the feature's share of the gain of all trees.
    """

    group: str
    feature: str
    strength: float
    floor: float
    importance: float


class Review(Record):
    """Sensitivity, stability, stress, labels and proxies; None and empty where nothing was told."""

    capacity: CapacityCurve | None = None
    stability: Stability | None = None
    stress: tuple[StressResult, ...] = ()
    stress_metric: str = ""
    labels: LabelRisk | None = None
    proxies: tuple[Proxy, ...] = ()

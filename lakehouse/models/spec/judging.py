"""Declared evaluation: capacity, gates, intervals, segments and fairness; no effect on
artefacts."""

from datetime import timedelta
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from lakehouse.declarations.durations import Duration
from lakehouse.declarations.names import TableName
from lakehouse.declarations.part import Part
from lakehouse.evaluation.periods import Period, PeriodName, find_period
from lakehouse.models.spec.data import Group

NEAR_CHANCE = 0.55
"""AUC. Constant scores give .5."""


class Capacity(Part):
    """How many alerts people can review a day, or a week.

    `unit` is an entity column if people review entities (cards) instead of rows: an entity counts
    once a day (week), by its highest score. `known_removed` excludes entities with a positive that
    was reported before.
    """

    alerts: int = Field(ge=1)
    per: PeriodName = Field(
        default="day", description="Weeks begin on Mondays; thresholds then change on Mondays too"
    )
    unit: str = Field(default="", description="Rows if unset")
    known_removed: bool = False

    @property
    def period(self) -> Period:
        """The period that has this capacity."""
        return find_period(self.per)


class Gate(Part):
    """A bound that a version's metric must satisfy before promotion.

    With `lower_end` the bound applies to the lower end of the metric's interval (the upper end for
    `at_most`): the data must show that the bound holds. With `upper_end` it applies to the other
    end: the gate fails only if the data show that the bound is violated.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    of: Literal["validation", "test"] = "test"
    lower_end: bool = False
    upper_end: bool = False

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"gate on {self.metric} needs either `at_least` or `at_most`")
        if self.lower_end and self.upper_end:
            raise ValueError(
                "a gate compares one end of an interval: set `lower_end` or `upper_end`"
            )
        if (self.lower_end or self.upper_end) and self.of != "test":
            raise ValueError(
                "intervals exist only for the test period: remove `of`, or `lower_end` and "
                "`upper_end`"
            )
        return self

    @property
    def name(self) -> str:
        """Unique within a model, and readable: `test_auc_roc_at_least`."""
        bound = "at_least" if self.at_least is not None else "at_most"
        return f"{self.of}_{self.metric}_{bound}"


class Money(Part):
    """The amount of each row: a DECIMAL or integer `column` of a table with the spine's key.

    `alert_costs`: the cost of reviewing one alert, in the same `unit`.
    """

    table: TableName
    column: str
    unit: str = "euro"
    alert_costs: Decimal = Field(ge=0)


class Reports(Part):
    """Tables with the spine's key that record which labels turned out to be wrong.

    `table` has every positive that was ever reported, however late; `reversals` has those that were
    withdrawn.
    """

    table: TableName
    reversals: TableName | None = None


class Stress(Part):
    """Settings for stress tests, in addition to the feature sets, which are removed one at a time.

    `stale`: sets that may be a day behind, each with its entity. `amounts`: the feature that is the
    row's own amount, then patterns of features that are multiples of it.
    """

    stale: dict[str, str] = Field(default_factory=dict)
    amounts: tuple[str, ...] = ()


class Judging(Part):
    """Intervals by resampling whole clusters, segments, and settings of the model-risk review.

    `clusters` are one or two entity columns of the spine (all of them, at most two, if unset).
    `refits`: how often the same recipe is fitted with another seed, and as often on a resample of
    whole clusters, to measure how much of a version is due to chance. `near_chance`: the AUC below
    which training counts as failed, where sound models of the problem are known to be much better.
    """

    repeats: int = Field(default=200, ge=20)
    clusters: tuple[str, ...] = Field(default=(), max_length=2)
    segments: dict[str, Group] = Field(default_factory=dict)
    refits: int = Field(default=0, ge=0)
    money: Money | None = None
    reports: Reports | None = None
    stress: Stress = Stress()
    near_chance: float | None = Field(
        default=None, ge=0.5, lt=1, description=f"{NEAR_CHANCE} if unset; binary models only"
    )


class Fairness(Part):
    """Groups between which the rates of a binary model may differ by at most `limit`.

    The verdict uses the interval of the equalized-odds difference, on groups with at least
    `min_positives`. With `blocks`, promotion requires that groups can be compared and that the
    interval's lower end does not exceed the limit; otherwise a breach only warns.
    """

    groups: dict[str, Group] = Field(min_length=1)
    limit: float = Field(default=0.1, gt=0, lt=1)
    min_positives: int = Field(default=50, ge=1)
    blocks: bool = False


class DeclaredCard(Part):
    """The texts of a model report, and how long a version may decide.

    A version older than `expires_after_days` causes a warning. With `after_expiry: stop` it may not
    decide once `grace` has also passed: an earlier version, or the declared fallback, takes over.
    """

    intended_use: str = ""
    limits: str = ""
    expires_after_days: int = Field(default=365, ge=1)
    after_expiry: Literal["warn", "stop"] = "warn"
    grace: Duration = timedelta(days=30)

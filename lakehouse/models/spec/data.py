"""The rows of a model: training and scoring rows, their labels, and the split by time."""

from datetime import timedelta
from decimal import Decimal
from typing import Literal, Self

from pydantic import AliasChoices, Field, model_validator

from lakehouse.declarations.durations import Duration
from lakehouse.declarations.names import TableName
from lakehouse.declarations.part import Part


class Spine(Part):
    """The rows for training and scoring: one row per `key`, decided at `time`."""

    table: TableName
    key: str
    time: str = "event_time"
    entities: tuple[str, ...] = ()


class Settled(Part):
    """Labels in a table: one row per `key`, in `column`, visible from `known_at` on.

    `maturity` is how long after its event every label is known, for rows that were themselves known
    by then. Training checks the table against it.
    """

    table: TableName
    column: str
    key: str = Field(default="", description="Column of the label table; the spine's key if unset")
    known_at: str = "known_at"
    maturity: Duration | None = Field(default=None, description="`split.gap` if unset")


class Forward(Part):
    """A label computed from an entity's activity within `horizon` after the spine row's time t.

    It is `op` over the rows of `stream` with t <= known_at < t + horizon, so it is known at t +
    horizon - 1 us: the exact complement of a feature window, on the same time axis. For a binary
    model the label is whether the value reaches `at_least`.
    """

    stream: TableName
    entity: str
    op: Literal["sum", "count"] = "sum"
    value: str = ""
    known_at: str = "known_at"
    horizon: Duration
    at_least: Decimal | None = Field(default=None, description="Required for a binary model")

    @model_validator(mode="after")
    def _has_value(self) -> Self:
        if (self.op == "sum") != bool(self.value):
            raise ValueError("`op: sum` needs a `value` column, and `op: count` takes none")
        return self


class SplitSpec(Part):
    """Periods of whole days, oldest first: train, gap, validation, gap, test, gap, now."""

    test: Duration = timedelta(days=14)
    validation: Duration = timedelta(days=14)
    gap: Duration | None = Field(
        default=None,
        description="At least, and by default, the label's maturity (a forward label's horizon)",
    )
    train: Duration | None = Field(default=None, description="All history if unset")
    sample_every: int = Field(
        default=1,
        ge=1,
        validation_alias=AliasChoices("sample_every", "every"),
        description="Train on one row in this many, selected by key",
    )


class Group(Part):
    """A column that divides rows into groups for evaluation; grouping does not make it a feature.

    Without `entity` the table has one row per spine key. With it, the table is a history of that
    entity (`known_at`), and the row's group is the latest version known before the row's time.
    """

    table: TableName
    column: str
    entity: str = ""
    age: bool = Field(
        default=False, description="The column is a year; use the row's year minus it"
    )
    bins: tuple[float, ...] = Field(
        default=(), description="Lower bounds of bands of a number, ascending, such as [30, 50]"
    )

    @model_validator(mode="after")
    def _bins_ascend(self) -> Self:
        if list(self.bins) != sorted(set(self.bins)):
            raise ValueError(f"`bins` must be in ascending order, but are {list(self.bins)}")
        return self

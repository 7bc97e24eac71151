"""The rows of a model: training and scoring rows, their labels, and the split by time."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from lakehouse.declarations.durations import (
    Duration,
    Period,
    format_duration,
    longest,
    parse_duration,
)
from lakehouse.declarations.names import TableName
from lakehouse.declarations.part import FieldError, Part


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
    horizon - 1 us: the exact complement of a feature window, on the same time axis. A spine row
    whose entity is NULL has no label.
    """

    stream: TableName
    entity: str | dict[str, str] = Field(
        description="The entity's column in the spine and in the stream; where their names differ, "
        "both: `{home_terminal_id: terminal_id}` is the spine's column and the stream's"
    )
    op: Literal["sum", "count", "exists"] = Field(
        default="sum",
        description="`sum` of `value`, where a row without a value adds nothing; `count` of rows; "
        "`exists`: whether there is a row, 0 or 1",
    )
    value: str = ""
    where: str | None = Field(
        default=None,
        description="Only rows of the stream that meet this condition count, an expression over "
        "the stream's columns as in feature sets; NULL counts as false",
        exclude_if=lambda value: value is None,  # recipes of models without one stay as they were
    )
    known_at: str = "known_at"
    horizon: Period = Field(
        description="A duration, or calendar months: `1mo` after 31 January ends on 28 or 29 "
        "February. The maturity of months is the longest that they can be, 31 days each"
    )
    at_least: Decimal | None = Field(
        default=None,
        description="The label is whether the `sum` or `count` reaches this number; a binary model "
        "needs it, or `op: exists`",
    )

    def errors(self) -> Iterator[ValueError]:
        """Fields that contradict each other."""
        if (self.op == "sum") != bool(self.value):
            yield ValueError(
                "`op: sum` needs a `value` column, and `op: count` and `op: exists` take none"
            )
        if self.op == "exists" and self.at_least is not None:
            message = (
                "`op: exists` is yes or no already; remove `at_least`, or count rows with "
                "`op: count`"
            )
            yield FieldError(message, "at_least")
        if isinstance(self.entity, dict) and len(self.entity) != 1:
            message = (
                "`entity` is one column, or one pair `{column of the spine: column of the stream}`"
            )
            yield FieldError(message, "entity")
        if longest(self.horizon) <= timedelta():
            yield FieldError("`horizon` must be longer than zero, such as 7d", "horizon")
        if self.where is not None and not self.where.strip():
            yield FieldError("`where` is empty; write a condition, or remove it", "where")

    @property
    def spine_entity(self) -> str:
        """The spine's column that holds the entity."""
        return self.entity if isinstance(self.entity, str) else next(iter(self.entity))

    @property
    def stream_entity(self) -> str:
        """The stream's column that holds the entity."""
        return self.entity if isinstance(self.entity, str) else next(iter(self.entity.values()))

    @property
    def is_yes_or_no(self) -> bool:
        """Whether the label is 0 or 1, not a number."""
        return self.op == "exists" or self.at_least is not None


def _extent(value: Any) -> timedelta | float:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1:
        return float(value)
    raise ValueError(f"{value!r} is neither a share of the rows, such as 0.2, nor a duration")


def _extent_text(value: timedelta | float) -> str | float:
    return format_duration(value) if isinstance(value, timedelta) else value


Extent = Annotated[
    timedelta | float,
    PlainValidator(_extent),
    PlainSerializer(_extent_text),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0, "exclusiveMaximum": 1}, {"type": "string"}]}
    ),
]
"""How much of the rows: a share of them (0.2), or a duration (14d)."""


class SplitSpec(Part):
    """Periods, oldest first: train, gap, validation, gap, test, gap, now.

    `test` and `validation` are durations (periods of whole days), or shares of the rows along time:
    `{test: 0.2, validation: 0.1}` tests on the newest fifth of all rows whose labels have settled.
    Rows of one instant are never separated, so a period has at least its share. The gaps are kept
    in either form. The bounds that resulted are on the model's card.
    """

    test: Extent = timedelta(days=14)
    validation: Extent = Field(
        default=timedelta(days=14), description="0 for none; like `test` if `test` is a share"
    )
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

    @model_validator(mode="before")
    @classmethod
    def _validation_like_test(cls, values: Any) -> Any:
        test = values.get("test") if isinstance(values, dict) else None
        if isinstance(test, float) and 0 < test < 1 and "validation" not in values:
            return {**values, "validation": test}
        return values

    def errors(self) -> Iterator[ValueError]:
        """Mixed forms, and shares that leave nothing to train on."""
        extents = {"test": self.test, "validation": self.validation}
        shares = {name: value for name, value in extents.items() if isinstance(value, float)}
        if self.validation and len(shares) == 1:
            written = ", ".join(f"`{n}` is {_extent_text(value)}" for n, value in extents.items())
            yield ValueError(f"{written}: make both shares of the rows, or both durations")
        if self.is_by_share and not self.test:
            yield FieldError("a test period is needed; write a share such as 0.2", "test")
        if sum(shares.values()) >= 1:
            message = f"`test` and `validation` are {sum(shares.values()):g} of the rows together"
            yield FieldError(f"{message}, which leaves none to train on", "test")

    @property
    def is_by_share(self) -> bool:
        """Whether periods are shares of the rows, not durations."""
        return isinstance(self.test, float)


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

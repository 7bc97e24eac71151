"""The interface of a window operation: its inputs and result, for many rows and for one request.

The operations are in the other modules.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

from lakehouse.features.expressions import FeatureError, Kind, Term
from lakehouse.features.ops.lane import Lane, Result
from lakehouse.features.ops.window import Window

Rows = Sequence[tuple[int, Any]]
"""Rows that count, in no order: known_at in microseconds, and the value (None without one)."""

FIELDS = {"value": "amount_cents", "q": "0.5", "where": "is_fraud"}
"""Fields that a declaration may have in addition to the window, each with an example."""

Part = TypeVar("Part")


@dataclass(frozen=True)
class Aggregate:
    """One aggregate over one window."""

    name: str
    table: str
    op: "Operation[Any]"
    value: str | None
    where: Term | None
    q: Decimal | None
    window: Window
    kind: Kind
    value_kind: Kind | None


class Operation(ABC, Generic[Part]):
    """An operation over the rows of a window; its instances have no state.

    For many rows that ask, `evaluate` computes from sorted columns. For one request, `prepare`
    turns the rows of its window into a part, `merge` combines parts of one window in any order, and
    `finalize` turns a part into the value. Both give bit-identical values. An operation that can
    also be undone is a `Total`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    """A description of the result, for the documentation."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The fields of `FIELDS` that a declaration must have."""
    accepted_kinds: ClassVar[Collection[Kind]] = tuple(
        k for k in Kind if k not in (Kind.WIDE, Kind.NULL)
    )
    """The kinds of values that it accepts."""
    restriction: ClassVar[str] = ""
    """Why other kinds are refused, and what to do instead."""
    kind: ClassVar[Kind | None] = Kind.INTEGER
    """The kind of the result; None: the kind of the value."""
    empty: ClassVar[int | None] = None
    """The result for no rows."""
    marks: ClassVar[bool] = False
    """Whether `where` marks some of the rows that count; otherwise it filters them."""

    def check(self, given: Collection[str]) -> None:
        """Raise `ValueError` unless `given` are the fields that it accepts; all accept `where`."""
        for field, example in FIELDS.items():
            if field in self.needs and field not in given:
                raise ValueError(f"op {self.name} needs `{field}`: write `{field}: {example}`")
            if field in given and field not in (*self.needs, "where"):
                raise ValueError(f"op {self.name} takes no `{field}`; remove it")

    def result_kind(self, column: str, value: Kind | None) -> Kind:
        """The kind of the result for a column of kind `value`; raises `FeatureError`."""
        if value is not None and value not in self.accepted_kinds:
            raise FeatureError(f"op {self.name} {self.restriction}; {column} is {value}")
        kind = self.kind or value
        assert kind is not None
        return kind

    @abstractmethod
    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        """The value over the window of each asking row.

        Raises:
            OverflowError: when a total does not fit in its type.
        """

    @abstractmethod
    def prepare(self, rows: Rows) -> Part:
        """Turn at least one row of a window into a part. If `marks`, the value is the mark."""

    @abstractmethod
    def merge(self, one: Part, other: Part) -> Part:
        """The part of the rows of both."""

    def finalize(self, part: Part, a: Aggregate, t: int) -> Any:
        """The value at time `t`, in microseconds, of a window whose rows are `part`."""
        return part

    def compute(self, rows: Rows, a: Aggregate, t: int) -> Any:
        """The value at time `t`, in microseconds, of a window of `rows`."""
        return self.finalize(self.prepare(rows), a, t) if rows else self.empty

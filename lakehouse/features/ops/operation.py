"""What a window operation is, whichever it is: what it takes and gives, its SQL and its Python.

Not here: any single operation, and how the SQL of several is put together (`windows.py`).
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

from lakehouse.features.expressions import FeatureError, Kind, Term
from lakehouse.features.ops.sql import Columns, Frames

Rows = Sequence[tuple[int, Any]]
"""Rows that count, in no order: known_at in microseconds, and the value (None without one)."""

FIELDS = {"value": "amount_cents", "q": "0.5", "where": "is_fraud"}
"""What a declaration may give beside the window, each with an example."""

Part = TypeVar("Part")


@dataclass(frozen=True)
class Aggregate:
    """One aggregate over one window of `micros` microseconds."""

    name: str
    table: str
    op: "Operation[Any]"
    value: str | None
    where: Term | None
    q: Decimal | None
    micros: int
    kind: Kind
    value_kind: Kind | None


class Operation(ABC, Generic[Part]):
    """An operation over the rows of a window; its instances have no state.

    In SQL it is an aggregate function, or a cheaper expression over a frame. In Python rows are
    prepared into a part; parts of one window merge into one, in any order; finalizing a part gives
    the value. Both give the same value to the bit. What can be undone too is a `Total`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    """What it gives, for the documentation."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The fields of `FIELDS` that a declaration must give."""
    takes: ClassVar[Collection[Kind]] = tuple(k for k in Kind if k not in (Kind.WIDE, Kind.NULL))
    """The kinds of values that it is defined for."""
    restriction: ClassVar[str] = ""
    """Why other kinds are refused, and what to do about them."""
    kind: ClassVar[Kind | None] = Kind.INTEGER
    """What it gives; None: what its value is."""
    empty: ClassVar[int | None] = None
    """Its value over no rows."""
    marks: ClassVar[bool] = False
    """Whether `where` marks some of the rows that count; otherwise it chooses them."""

    def check(self, given: Collection[str]) -> None:
        """Raise `ValueError` unless `given` are the fields that it takes; all take `where`."""
        for field, example in FIELDS.items():
            if field in self.needs and field not in given:
                raise ValueError(f"op {self.name} needs `{field}`: write `{field}: {example}`")
            if field in given and field not in (*self.needs, "where"):
                raise ValueError(f"op {self.name} takes no `{field}`; remove it")

    def result_kind(self, column: str, value: Kind | None) -> Kind:
        """The kind that it gives for a column of kind `value`; raises `FeatureError`."""
        if value is not None and value not in self.takes:
            raise FeatureError(f"op {self.name} {self.restriction}; {column} is {value}")
        kind = self.kind or value
        assert kind is not None
        return kind

    @abstractmethod
    def aggregate(self, a: Aggregate, columns: Columns, modifier: str) -> str:
        """SQL: the aggregate function; `modifier` is its FILTER and OVER."""

    def frame(self, a: Aggregate, columns: Columns, frames: Frames) -> str:
        """SQL: the value over the frame `_w<micros>` of the stream and the rows that ask."""
        return self.aggregate(a, columns, f"{frames.over(columns)}_w{a.micros}")

    @abstractmethod
    def prepare(self, rows: Rows) -> Part:
        """Some rows of a window, at least one, as a part. Where `marks`, the value is the mark."""

    @abstractmethod
    def merge(self, one: Part, other: Part) -> Part:
        """The part of the rows of both."""

    def finalize(self, part: Part, a: Aggregate, t: int) -> Any:
        """The value at time `t`, in microseconds, of a window whose rows are `part`."""
        return part

    def compute(self, rows: Rows, a: Aggregate, t: int) -> Any:
        """The value at time `t`, in microseconds, of a window of `rows`."""
        return self.finalize(self.prepare(rows), a, t) if rows else self.empty

"""Compiled expressions and their kinds, and the error of everything that does not compile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lakehouse.declarations.part import FieldError
from lakehouse.errors import LakehouseError


class FeatureError(LakehouseError, FieldError):
    """A feature set that does not compile, or rows that do not fit it."""


class Kind(StrEnum):
    """The kind of a value; each is one SQL type. WIDE is only for sums of squares."""

    INTEGER = "BIGINT"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    TEXT = "VARCHAR"
    TIMESTAMP = "TIMESTAMP"
    WIDE = "HUGEINT"
    NULL = "NULL"


NUMBERS = frozenset({Kind.INTEGER, Kind.DOUBLE})
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Term:
    """A compiled expression: its kind, its SQL, its Python function of named values, its names."""

    kind: Kind
    sql: str
    run: Callable[[Values], Any]
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Name:
    """A name that expressions may use: its kind and its SQL."""

    kind: Kind
    sql: str

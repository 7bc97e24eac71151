"""Kinds of SQL types, as far as labels are concerned."""

import re
from typing import Literal

LabelKind = Literal["whole number", "number", "boolean", "text", "other"]

SUMMABLE: frozenset[LabelKind] = frozenset({"whole number", "number"})
"""Kinds of columns that a forward label can sum."""

_KINDS: dict[LabelKind, re.Pattern[str]] = {
    "whole number": re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|INT[1248]|SHORT|LONG"),
    "number": re.compile(r"FLOAT[48]?|REAL|DOUBLE( PRECISION)?|(DECIMAL|NUMERIC)(\(.*\))?"),
    "boolean": re.compile(r"BOOL(EAN)?|LOGICAL"),
    "text": re.compile(r"VARCHAR(\(.*\))?|TEXT|STRING|CHAR(\(.*\))?|BPCHAR|ENUM\(.*\)"),
}


def label_kind(sql_type: str) -> LabelKind:
    """The kind of a type, as DuckDB shows it or as a dbt contract writes it."""
    name = sql_type.strip().upper()
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(name)), "other")

"""Whether two tables of features have the same values."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.lake import quote

TOLERANCE = 1e-9
"""Relative difference up to which doubles count as close."""


@dataclass(frozen=True)
class Comparison:
    """A peer's table against ours. Rows are matched by key; columns are those of ours."""

    rows: int
    """Rows of ours."""
    unmatched: int
    """Rows that only one of the tables has."""
    columns: int
    missing: tuple[str, ...]
    """Columns that the peer's table lacks."""
    differing: dict[str, int]
    """Rows with another value, by column; doubles that are close count here too."""
    apart: dict[str, int]
    """As `differing`, without doubles that are close."""

    @property
    def verdict(self) -> str:
        """One phrase: equal, close, or how much differs."""
        present = self.columns - len(self.missing)
        some = f" in {present} of {self.columns} columns" if self.missing else ""
        if self.unmatched:
            return f"{self.unmatched:,} rows unmatched"
        if not self.differing:
            return f"equal to the bit{some}"
        if not self.apart:
            return f"equal up to rounding{some}"
        worst = max(self.apart.values())
        return f"{worst:,} rows differ in {len(self.apart)} columns{some}"

    def as_json(self) -> dict[str, Any]:
        """Its figures, with the verdict."""
        return {**asdict(self), "missing": list(self.missing), "verdict": self.verdict}


def compare(ours: Path, theirs: Path, key: str, ignored: frozenset[str]) -> Comparison:
    """Compare two Parquet files (or folders of parts), value by value.

    NaN and NULL of a peer's column are the same: pandas has no other sign for a missing value.
    """
    with duckdb.connect() as db:
        for name, path in (("ours", ours), ("theirs", theirs)):
            pattern = f"{path}/*.parquet" if path.is_dir() else str(path)
            db.execute(f"CREATE VIEW {name} AS FROM read_parquet(?)".replace("?", f"'{pattern}'"))
        mine, other = _types(db, "ours"), _types(db, "theirs")
        wanted = [name for name in mine if name not in ignored and name != key]
        shared = [name for name in wanted if name in other]
        counts = []
        for name in shared:
            different, apart = _conditions(name, {mine[name], other[name]})
            counts += [f"count(*) FILTER ({different})", f"count(*) FILTER ({apart})"]
        k = quote(key)
        found = db.execute(
            f"SELECT count(a.{k}), count(*) FILTER (a.{k} IS NULL OR b.{k} IS NULL)"
            f"{''.join(', ' + count for count in counts)} "
            f"FROM ours a FULL JOIN theirs b ON a.{k} = b.{k}"
        ).fetchall()[0]
    rows, unmatched, *figures = map(int, found)
    return Comparison(
        rows=rows,
        unmatched=unmatched,
        columns=len(wanted),
        missing=tuple(name for name in wanted if name not in other),
        differing={name: n for name, n in zip(shared, figures[::2], strict=True) if n},
        apart={name: n for name, n in zip(shared, figures[1::2], strict=True) if n},
    )


def _types(db: duckdb.DuckDBPyConnection, view: str) -> dict[str, str]:
    return {row[0]: row[1] for row in db.execute(f"DESCRIBE {view}").fetchall()}


def _conditions(column: str, types: set[str]) -> tuple[str, str]:
    """SQL for: the values differ; they differ by more than rounding."""
    a, b = f"a.{quote(column)}", f"b.{quote(column)}"
    if types & {"DOUBLE", "FLOAT"}:
        a, b = (f"CAST({x} AS DOUBLE)" for x in (a, b))
        a, b = (f"CASE WHEN NOT isnan({x}) THEN {x} END" for x in (a, b))
        different = f"{a} IS DISTINCT FROM {b}"
        close = f"coalesce(abs({a} - {b}) <= {TOLERANCE} * greatest(abs({a}), abs({b})), false)"
        return different, f"{different} AND NOT {close}"
    if "BOOLEAN" in types and len(types) > 1:
        a, b = (f"CAST({x} AS BIGINT)" for x in (a, b))
    return f"{a} IS DISTINCT FROM {b}", f"{a} IS DISTINCT FROM {b}"

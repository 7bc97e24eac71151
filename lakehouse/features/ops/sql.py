"""Building blocks for the SQL of operations: columns, and values that several operations share.

Names are those of `windows.py`: `_k` is known_at in microseconds, `p` the requesting rows.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """The columns of a stream that one aggregate reads."""

    value: str
    """`_v<i>`; `_k` without a value."""
    condition: str
    """`_c<i>`; empty without a condition."""
    row_filter: str
    """The condition for a row to count; `true` if all rows count."""


class Frames:
    """Values of each row that frames are computed from: fields of the struct `_r`."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}

    def over(self, columns: Columns) -> str:
        """The FILTER and OVER that precede the name of a frame."""
        return f" FILTER (WHERE {columns.row_filter} AND _counts) OVER "

    def add(self, sql: str) -> str:
        """The field that holds `sql`, added if necessary."""
        return self.fields.setdefault(sql, f"r{len(self.fields)}")


class Lookups:
    """Running values along the stream `rows`, and ASOF joins that look them up at given times.

    `a` is the latest row of the table `state` before t.
    """

    def __init__(self, rows: str) -> None:
        self.rows = rows
        self.state: dict[str, str] = {}
        self.tables: dict[str, str] = {}
        self.joins = ["ASOF LEFT JOIN state a ON a.e = p.e AND a._k < p.t"]

    def add(self, sql: str, condition: str = "") -> str:
        """The column of `state` with the running value of a function, added if necessary."""
        counts = f" FILTER (WHERE {condition})" if condition else ""
        return self.state.setdefault(f"{sql}{counts} OVER w", f"r{len(self.state)}")

    def values(self, columns: Columns) -> str:
        """A table (e, _k, v) of the values, one per entity and time: the largest."""
        v, c = columns.value, columns.condition
        where = f"{v} IS NOT NULL" + (f" AND {c}" if c else "")
        sql = f"SELECT e, _k, max({v}) AS v FROM {self.rows} WHERE {where} GROUP BY e, _k"
        return self.tables.setdefault(sql, f"d{len(self.tables)}")

    def join(self, alias: str, condition: str, table: str = "state") -> str:
        """`alias`, joined once: the nearest row of `table` that meets a condition on `_k`."""
        text = f"ASOF LEFT JOIN {table} {alias} ON {alias}.e = p.e AND {alias}._k {condition}"
        if text not in self.joins:
            self.joins.append(text)
        return alias

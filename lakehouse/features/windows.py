"""SQL texts of aggregates, by three methods with the same results, and of attributes.

Each function takes `rows`, a relation of the requesting rows, and returns SQL for the same rows
with columns added, so calls nest. Only the few rows of a range join are joined by key. Only `scan`
and `attributes` read the lake. Names that begin with an underscore are reserved:

- `_spine(id, e, t, late, event_time, load_id, row.<column> ...)`: the requesting rows; key, entity,
  time in microseconds; `late` if it is not a row of the same table's stream at its own time
- `_stream<i>(e, _k, [_rn], _v<i>, _c<i>)`: rows of one stream; `_k` is known_at in microseconds,
  `_rn` the number of the entity's rows up to and including `_k`, `_v<i>` values and `_c<i>`
  conditions. A stream of the spine's own table also has the columns of `_spine`; `id` marks the
  requesting rows, at their `_k`

A row counts if t - window < k < t, so frames end one microsecond before t and rows of equal times
do not see each other.

- **frames**: SQL windows over the stream itself (native), or over the union of stream and spine
- **running**: totals along the stream, taken at t and at t - window by ASOF joins; a window's total
  is their difference, exact in integers. One join serves all totals, so totals use this method
  whenever the spine is not the stream itself.
- **range join**: each spine row with each of its stream rows; fastest when there are few
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.features.compile import Attribute, Plan, read_column
from lakehouse.features.ops import Aggregate, RunningOperation
from lakehouse.features.ops.sql import Columns, Frames, Lookups
from lakehouse.lake import quote

_ADDED = "COLUMNS('^[^_]')"
"""Columns of the requesting rows and of aggregates, without those of the stream."""


@dataclass(frozen=True)
class Stream:
    """The aggregates of one stream, and the columns of its temporary table that they read."""

    table: str
    rows: str
    aggregates: tuple[Aggregate, ...]
    values: tuple[str, ...]
    conditions: tuple[str, ...]

    @property
    def longest(self) -> int:
        """The greatest length of a window, in microseconds."""
        return max(aggregate.window.longest for aggregate in self.aggregates)

    def columns(self, a: Aggregate) -> Columns:
        """The columns that `a` reads."""
        value = f"_v{self.values.index(a.value)}" if a.value else "_k"
        condition = f"_c{self.conditions.index(a.where.sql)}" if a.where else ""
        return Columns(value, condition, "true" if a.op.marks else condition or "true")


def streams(plan: Plan) -> list[Stream]:
    """The plan's aggregates by table; the spine's own table comes first."""
    tables = dict.fromkeys(aggregate.table for aggregate in plan.aggregates)
    result = []
    for number, table in enumerate(sorted(tables, key=lambda name: name != plan.spine.table)):
        chosen = tuple(a for a in plan.aggregates if a.table == table)
        values = tuple(dict.fromkeys(a.value for a in chosen if a.value))
        conditions = tuple(dict.fromkeys(a.where.sql for a in chosen if a.where))
        result.append(Stream(table, f"_stream{number}", chosen, values, conditions))
    return result


def scan(stream: Stream, plan: Plan, relation: str, spine: str = "") -> str:
    """`_stream<i>` from the stream's table; also the columns `spine` if the spine has the same
    table.

    Parameters: those of `spine`, then known_at after (`?`) and up to (`?`), in microseconds.
    """
    kinds = {a.value: a.value_kind for a in stream.aggregates if a.value and a.value_kind}
    entity = quote(plan.entity)
    columns = [spine or f"{entity} AS e", "epoch_us(known_at) AS _k"]
    columns += [f"{read_column(kinds[v], v)} AS _v{i}" for i, v in enumerate(stream.values)]
    columns += [f"coalesce({c}, false) AS _c{i}" for i, c in enumerate(stream.conditions)]
    if any(a.op.marks for a in stream.aggregates):
        columns.append(f"count(*) OVER (PARTITION BY {entity} ORDER BY known_at) AS _rn")
    return f"""SELECT {", ".join(columns)} FROM {relation} WHERE {entity} IS NOT NULL
        AND known_at > make_timestamp(?) AND known_at <= make_timestamp(?)"""


def frames(stream: Stream, aggregates: Sequence[Aggregate], rows: str, *, native: bool) -> str:
    """`aggregates` by SQL windows over the stream and the rows that are not in it."""
    row_values = Frames()
    columns = ", ".join(
        f"{a.op.frame(a, stream.columns(a), row_values)} AS {quote(a.name)}" for a in aggregates
    )
    ordered = "PARTITION BY e ORDER BY _k RANGE BETWEEN"
    windows = "".join(
        f", _w{w.name} AS ({ordered} {w.preceding_sql('_k')} PRECEDING AND 1 PRECEDING)"
        f", _first{w.name} AS ({ordered} {w.preceding_sql('_k')} PRECEDING AND CURRENT ROW)"
        for w in dict.fromkeys(a.window for a in aggregates)
    )
    source = f"""SELECT *, t AS _k, false AS _counts FROM {rows} {"WHERE late" if native else ""}
        UNION ALL BY NAME SELECT *, true AS _counts FROM {stream.rows}"""
    if row_values.fields:
        listed = ", ".join(f"'{name}': {sql}" for sql, name in row_values.fields.items())
        source = f"""SELECT *, {{{listed}}} AS _r FROM ({source})
            WINDOW _before AS ({ordered} UNBOUNDED PRECEDING AND 1 PRECEDING),
                _peers AS ({ordered} CURRENT ROW AND CURRENT ROW)"""
    return f"""(SELECT {_ADDED}, {columns} FROM ({source}) p
        WINDOW {windows[2:]} QUALIFY id IS NOT NULL)"""


def range_join(
    stream: Stream, aggregates: Sequence[Aggregate], rows: str, condition: str = "true"
) -> str:
    """`aggregates` from pairs of a spine row and a stream row that meets `condition`."""
    longest = max(a.window.longest for a in aggregates)
    listed = []
    for a in aggregates:
        columns = stream.columns(a)
        conditions = [columns.row_filter] if columns.row_filter != "true" else []
        if a.window.identity != longest:
            conditions += [f"_k > {a.window.start_sql('p.t')}"]
        counts = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
        listed.append(f"{a.op.aggregate(a, columns, counts)} AS {quote(a.name)}")
    return f"""(SELECT * FROM {rows} LEFT JOIN (
        SELECT p.id, {", ".join(listed)}
        FROM _spine p JOIN {stream.rows} s ON s.e = p.e AND _k < p.t AND _k > p.t - {longest}
        WHERE {condition} GROUP BY p.id, p.t) USING (id))"""


def running(stream: Stream, aggregates: Sequence[Aggregate], rows: str) -> str:
    """`aggregates`, all of a `RunningOperation`, by running values of the stream and ASOF joins."""
    lookups = Lookups(stream.rows)
    columns = []
    for a in aggregates:
        assert isinstance(a.op, RunningOperation)
        sql = a.op.look_up(a, stream.columns(a), lookups)
        columns.append(f"{sql} AS {quote(a.name)}")
    listed = "".join(f", {sql} AS {name}" for sql, name in lookups.state.items())
    totals = f"""state AS MATERIALIZED (SELECT * FROM (
        SELECT e, _k{listed}, lead(_k) OVER w IS DISTINCT FROM _k AS is_last
        FROM {stream.rows} WINDOW w AS (PARTITION BY e ORDER BY _k RANGE UNBOUNDED PRECEDING)
    ) WHERE is_last)"""
    others = [f"{name} AS MATERIALIZED ({sql})" for sql, name in lookups.tables.items()]
    # without running values the join at t is not needed
    used, joins = ([totals], lookups.joins) if lookups.state else ([], lookups.joins[1:])
    return (
        f"(WITH {', '.join([*used, *others])} "
        f"SELECT p.*, {', '.join(columns)} FROM {rows} p {' '.join(joins)})"
    )


def attributes(plan: Plan, parts: Sequence[Attribute], relation: str, rows: str) -> str:
    """Columns of one dimension: the latest version known before t; ties go to the largest value.

    All `parts` have the same table and the same role.
    """
    by, key, e = parts[0].by, quote(parts[0].key), "e"
    if by != plan.entity:
        # read as the column of the spine is, so that both have the same type
        key, e = read_column(plan.row_columns[by], parts[0].key), quote(f"row.{by}")
    time = f"epoch_us({quote(parts[0].time)})"
    versions = ", ".join(f"max({read_column(a.kind, a.column)}) AS {quote(a.name)}" for a in parts)
    columns = ", ".join(
        (f"CASE WHEN d.k IS NULL THEN f.{n} ELSE d.{n} END" if a.assumed else f"d.{n}") + f" AS {n}"
        for a in parts
        for n in [quote(a.name)]
    )
    return f"""(WITH versions AS MATERIALIZED (
            SELECT {key} AS e, {time} AS k, {versions} FROM {relation}
            WHERE {key} IN (SELECT {e} FROM _spine) GROUP BY ALL
        ), firsts AS (SELECT * FROM versions QUALIFY k = min(k) OVER (PARTITION BY e))
        SELECT p.*, {columns} FROM {rows} p
        ASOF LEFT JOIN versions d ON d.e = p.{e} AND d.k < p.t
        LEFT JOIN firsts f ON f.e = p.{e})"""

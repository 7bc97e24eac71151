"""SQL texts of aggregates, in three ways that give the same values, and of attributes.

Each function takes `rows`, a relation of the rows that ask, and gives SQL for the same rows with
columns added, so they nest, and nothing is joined by key but the few rows of a range join. Only
`scan` and `attributes` read the lake. Names with an underscore are nobody else's:

- `_spine(id, e, t, late, event_time, load_id, row.<column> ...)`: the rows that ask; key, entity,
  time in microseconds; `late` if it is no row of the stream of the same table at its own time
- `_stream<i>(e, _k, [_rn], _v<i>, _c<i>)`: rows of one stream; `_k` is known_at in microseconds,
  `_rn` the rows of the entity up to and with `_k`, `_v<i>` values and `_c<i>` conditions. A stream
  of the spine's own table has the columns of `_spine` too; `id` says which rows ask, at their `_k`

A row counts if 0 < t - k < window, so frames end one microsecond before t and rows of equal times
are strangers.

- **frames**: SQL windows over the stream itself (native), or over the union of stream and spine
- **running**: totals along the stream, taken at t and at t - window by ASOF joins; a window's total
  is their difference, exact in integers. One join serves all totals, so this is the way of what can
  be totalled whenever the spine is not the stream itself.
- **range join**: each spine row with each of its stream rows; quickest when there are few
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.features.compile import Aggregate, Attribute, Plan, read_column
from lakehouse.lake import quote

TOTALS = frozenset({"count", "sum", "sumsq"})
RUNNING = TOTALS | {"last", "since_last", "since_first", "count_since"}
"""What a running value can tell."""
_ADDED = "COLUMNS('^[^_]')"
"""Columns of the rows that ask and of aggregates, without those of the stream."""


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
        """The longest window, microseconds."""
        return max(aggregate.micros for aggregate in self.aggregates)

    def value(self, aggregate: Aggregate) -> str:
        """The column that holds the aggregate's value."""
        return f"_v{self.values.index(aggregate.value)}" if aggregate.value else "_k"

    def condition(self, aggregate: Aggregate) -> str:
        """The column that says whether a row counts; empty if every row does."""
        return f"_c{self.conditions.index(aggregate.where.sql)}" if aggregate.where else ""

    def seen(self, aggregate: Aggregate) -> str:
        """The condition of the only rows that the aggregate looks at."""
        return (aggregate.op != "count_since" and self.condition(aggregate)) or "true"


def streams(plan: Plan) -> list[Stream]:
    """The plan's aggregates by table; the spine's own table comes first."""
    tables = dict.fromkeys(aggregate.table for aggregate in plan.aggregates)
    result = []
    for number, table in enumerate(sorted(tables, key=lambda name: name != plan.spine.table)):
        mine = tuple(a for a in plan.aggregates if a.table == table)
        values = tuple(dict.fromkeys(a.value for a in mine if a.value))
        conditions = tuple(dict.fromkeys(a.where.sql for a in mine if a.where))
        result.append(Stream(table, f"_stream{number}", mine, values, conditions))
    return result


def scan(stream: Stream, plan: Plan, relation: str, spine: str = "") -> str:
    """`_stream<i>` from the stream's table, with the columns `spine` if that is the spine's own.

    Parameters: those of `spine`, then known_at after (`?`) and up to (`?`), in microseconds.
    """
    kinds = {a.value: a.value_kind for a in stream.aggregates if a.value and a.value_kind}
    entity = quote(plan.entity)
    columns = [spine or f"{entity} AS e", "epoch_us(known_at) AS _k"]
    columns += [f"{read_column(kinds[v], v)} AS _v{i}" for i, v in enumerate(stream.values)]
    columns += [f"coalesce({c}, false) AS _c{i}" for i, c in enumerate(stream.conditions)]
    if any(a.op == "count_since" for a in stream.aggregates):
        columns.append(f"count(*) OVER (PARTITION BY {entity} ORDER BY known_at) AS _rn")
    return f"""SELECT {", ".join(columns)} FROM {relation} WHERE {entity} IS NOT NULL
        AND known_at > make_timestamp(?) AND known_at <= make_timestamp(?)"""


def frames(stream: Stream, aggregates: Sequence[Aggregate], rows: str, *, native: bool) -> str:
    """`aggregates` by SQL windows over the stream and the rows that are not in it.

    A total is the running total before t less that before the first row of the window: a look-up
    for each window is cheaper than a sum for each.
    """
    before: dict[str, str] = {}
    columns = []
    for a in aggregates:
        counts = f" FILTER (WHERE {stream.seen(a)} AND _counts) OVER "
        if a.op in TOTALS:
            total = f"coalesce({_total(stream, a)}{counts}_before, 0)"
            r = before.setdefault(total, f"r{len(before)}")
            sql = f"CAST(_r.{r} - (first_value(_r) OVER _first{a.micros}).{r} AS {a.kind})"
        elif a.op == "last":
            # of equal times the greatest
            r = before.setdefault(f"max({stream.value(a)}){counts}_peers", f"r{len(before)}")
            sql = f"last_value(_r.{r} IGNORE NULLS) OVER _w{a.micros}"
        else:
            sql = _aggregate(stream, a, f"{counts}_w{a.micros}")
        columns.append(f"{sql} AS {quote(a.name)}")
    ordered = "PARTITION BY e ORDER BY _k RANGE BETWEEN"
    windows = "".join(
        f", _w{m} AS ({ordered} {m - 1} PRECEDING AND 1 PRECEDING)"
        f", _first{m} AS ({ordered} {m - 1} PRECEDING AND CURRENT ROW)"
        for m in dict.fromkeys(a.micros for a in aggregates)
    )
    source = f"""SELECT *, t AS _k, false AS _counts FROM {rows} {"WHERE late" if native else ""}
        UNION ALL BY NAME SELECT *, true AS _counts FROM {stream.rows}"""
    if before:
        listed = ", ".join(f"'{name}': {sql}" for sql, name in before.items())
        source = f"""SELECT *, {{{listed}}} AS _r FROM ({source})
            WINDOW _before AS ({ordered} UNBOUNDED PRECEDING AND 1 PRECEDING),
                _peers AS ({ordered} CURRENT ROW AND CURRENT ROW)"""
    return f"""(SELECT {_ADDED}, {", ".join(columns)} FROM ({source}) p
        WINDOW {windows[2:]} QUALIFY id IS NOT NULL)"""


def range_join(
    stream: Stream, aggregates: Sequence[Aggregate], rows: str, condition: str = "true"
) -> str:
    """`aggregates` from pairs of a spine row and a stream row that meets `condition`."""
    longest = max(a.micros for a in aggregates)
    columns = []
    for a in aggregates:
        conditions = [stream.condition(a)] if a.where and a.op != "count_since" else []
        conditions += [f"_k > p.t - {a.micros}"] if a.micros < longest else []
        counts = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
        columns.append(f"{_aggregate(stream, a, counts)} AS {quote(a.name)}")
    return f"""(SELECT * FROM {rows} LEFT JOIN (
        SELECT p.id, {", ".join(columns)}
        FROM _spine p JOIN {stream.rows} s ON s.e = p.e AND _k < p.t AND _k > p.t - {longest}
        WHERE {condition} GROUP BY p.id, p.t) USING (id))"""


def _total(stream: Stream, a: Aggregate) -> str:
    v = stream.value(a)
    return {
        "count": "count(*)",
        "sum": f"sum({v})",
        "sumsq": f"sum(CAST({v} AS HUGEINT) * {v})",
    }[a.op]


def _aggregate(stream: Stream, a: Aggregate, modifier: str) -> str:
    """The aggregate function of `a`; `modifier` is its FILTER and OVER."""
    v = stream.value(a)
    match a.op:
        case "count" | "sum" | "sumsq":
            return f"CAST({_total(stream, a)}{modifier} AS {a.kind})"
        case "distinct":
            return f"count(DISTINCT {v}){modifier}"
        case "quantile":
            return f"quantile_disc({v}, {a.q}){modifier}"
        case "last":
            # a struct orders by its first field, then by its second: the greatest of equal times
            return f"(max(CASE WHEN {v} IS NOT NULL THEN {{'k': _k, 'v': {v}}} END){modifier}).v"
        case "since_last":
            return f"p.t - max(_k){modifier}"
        case "since_first":
            return f"p.t - min(_k){modifier}"
        case "count_since":
            matching = f"CASE WHEN {stream.condition(a)} THEN _rn END"
            return f"max(_rn){modifier} - max({matching}){modifier}"
        case _:
            return f"{a.op}({v}){modifier}"


def running(stream: Stream, aggregates: Sequence[Aggregate], rows: str) -> str:
    """Totals and lookups, at any times: running values of the stream, by ASOF joins."""
    state: dict[str, str] = {}
    joins = ["ASOF LEFT JOIN state a ON a.e = p.e AND a._k < p.t"]
    tables: dict[str, str] = {}

    def running_value(sql: str, a: Aggregate, *, filtered: bool = True) -> str:
        counts = f" FILTER (WHERE {stream.condition(a)})" if filtered and a.where else ""
        return state.setdefault(f"{sql}{counts} OVER w", f"r{len(state)}")

    def join(alias: str, condition: str, relation: str = "state") -> None:
        text = f"ASOF LEFT JOIN {relation} {alias} ON {alias}.e = p.e AND {condition}"
        if text not in joins:
            joins.append(text)

    def distinct_rows(a: Aggregate) -> str:
        """A table of the rows that `a` looks up: one per entity and time, the greatest value."""
        v, c = stream.value(a), stream.condition(a)
        where = f"{v} IS NOT NULL" + (f" AND {c}" if c else "")
        sql = f"SELECT e, _k, max({v}) AS v FROM {stream.rows} WHERE {where} GROUP BY e, _k"
        return tables.setdefault(sql, f"d{len(tables)}")

    columns = []
    for a in aggregates:
        match a.op:
            case "count" | "sum" | "sumsq":
                r = running_value(_total(stream, a), a)
                join(f"w{a.micros}", f"w{a.micros}._k <= p.t - {a.micros}")
                sql = f"coalesce(a.{r}, 0) - coalesce(w{a.micros}.{r}, 0)"
                sql = f"CAST({sql} AS {a.kind})"
            case "since_last":
                r = running_value("max(_k)", a)
                sql = f"CASE WHEN p.t - a.{r} < {a.micros} THEN p.t - a.{r} END"
            case "count_since":
                k, matching = running_value("max(_k)", a), running_value("max(_rn)", a)
                r = running_value("max(_rn)", a, filtered=False)
                sql = f"CASE WHEN p.t - a.{k} < {a.micros} THEN a.{r} - a.{matching} END"
            case "last":
                table = distinct_rows(a)
                join(f"l{table}", f"l{table}._k < p.t", table)
                sql = f"CASE WHEN p.t - l{table}._k < {a.micros} THEN l{table}.v END"
            case _:
                table = distinct_rows(a)
                first = f"f{table}_{a.micros}"
                join(first, f"{first}._k > p.t - {a.micros}", table)
                sql = f"CASE WHEN {first}._k < p.t THEN p.t - {first}._k END"
        columns.append(f"{sql} AS {quote(a.name)}")
    listed = "".join(f", {sql} AS {name}" for sql, name in state.items())
    totals = f"""state AS MATERIALIZED (SELECT * FROM (
        SELECT e, _k{listed}, lead(_k) OVER w IS DISTINCT FROM _k AS is_last
        FROM {stream.rows} WINDOW w AS (PARTITION BY e ORDER BY _k RANGE UNBOUNDED PRECEDING)
    ) WHERE is_last)"""
    others = [f"{name} AS MATERIALIZED ({sql})" for sql, name in tables.items()]
    # without running values the join at t is of no use
    used, joined = ([totals], joins) if state else ([], joins[1:])
    return (
        f"(WITH {', '.join([*used, *others])} "
        f"SELECT p.*, {', '.join(columns)} FROM {rows} p {' '.join(joined)})"
    )


def attributes(plan: Plan, parts: Sequence[Attribute], relation: str, rows: str) -> str:
    """Columns of one dimension: the latest version known before t; of equal times the greatest."""
    time = f"epoch_us({quote(parts[0].time)})"
    versions = ", ".join(f"max({read_column(a.kind, a.column)}) AS {quote(a.name)}" for a in parts)
    columns = ", ".join(
        (f"CASE WHEN d.k IS NULL THEN f.{n} ELSE d.{n} END" if a.assumed else f"d.{n}") + f" AS {n}"
        for a in parts
        for n in [quote(a.name)]
    )
    return f"""(WITH versions AS MATERIALIZED (
            SELECT {quote(plan.entity)} AS e, {time} AS k, {versions} FROM {relation}
            WHERE {quote(plan.entity)} IN (SELECT e FROM _spine) GROUP BY ALL
        ), firsts AS (SELECT * FROM versions QUALIFY k = min(k) OVER (PARTITION BY e))
        SELECT p.*, {columns} FROM {rows} p
        ASOF LEFT JOIN versions d ON d.e = p.e AND d.k < p.t LEFT JOIN firsts f ON f.e = p.e)"""

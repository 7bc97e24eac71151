"""SQL texts of aggregates, in three ways that give the same values, and of attributes.

All of them read two temporary tables and never the lake:

- `_spine(id, e, t, late, ...)`: the rows that ask; key, entity, time in microseconds
- `_stream(e, k, [id], [rn], v<i>, c<i>)`: rows of one stream; `k` is known_at in microseconds, `id`
  the spine's key where the row is a spine row with t = k, `rn` the rows of the entity up to and
  with k, `v<i>` values and `c<i>` conditions

and give rows `(id, <aggregate> ...)`, not necessarily for every id. A row counts if
0 < t - k < window, so frames end one microsecond before t and rows of equal times are strangers.

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
LOOKUPS = frozenset({"last", "since_last", "since_first", "count_since"})


@dataclass(frozen=True)
class Stream:
    """The aggregates of one stream, and the columns of `_stream` that they read."""

    table: str
    aggregates: tuple[Aggregate, ...]
    values: tuple[str, ...]
    conditions: tuple[str, ...]

    @property
    def longest(self) -> int:
        """The longest window, microseconds."""
        return max(aggregate.micros for aggregate in self.aggregates)

    def value(self, aggregate: Aggregate) -> str:
        """The column of `_stream` that holds the aggregate's value."""
        return f"v{self.values.index(aggregate.value)}" if aggregate.value else "k"

    def condition(self, aggregate: Aggregate) -> str:
        """The column of `_stream` that says whether a row counts; empty if every row does."""
        return f"c{self.conditions.index(aggregate.where.sql)}" if aggregate.where else ""


def streams(plan: Plan) -> list[Stream]:
    """The plan's aggregates, by table."""
    result = []
    for table in dict.fromkeys(aggregate.table for aggregate in plan.aggregates):
        mine = tuple(a for a in plan.aggregates if a.table == table)
        values = tuple(dict.fromkeys(a.value for a in mine if a.value))
        conditions = tuple(dict.fromkeys(a.where.sql for a in mine if a.where))
        result.append(Stream(table, mine, values, conditions))
    return result


def scan(stream: Stream, plan: Plan, relation: str, *, native: bool) -> str:
    """`_stream` from the stream's table; parameters: known_at after (`?`) and up to (`?`)."""
    kinds = {a.value: a.value_kind for a in stream.aggregates if a.value and a.value_kind}
    columns = [f"{quote(plan.entity)} AS e", "epoch_us(known_at) AS k"]
    columns += [f"{read_column(kinds[v], v)} AS v{i}" for i, v in enumerate(stream.values)]
    columns += [f"coalesce({c}, false) AS c{i}" for i, c in enumerate(stream.conditions)]
    if any(a.op == "count_since" for a in stream.aggregates):
        columns.append(f"count(*) OVER (PARTITION BY {quote(plan.entity)} ORDER BY known_at) AS rn")
    if native:
        key, time = quote(plan.spine.key), quote(plan.spine.time)
        columns.append(f"CASE WHEN known_at = {time} THEN {key} END AS id")
    return (
        f"SELECT {', '.join(columns)} FROM {relation} "
        f"WHERE {quote(plan.entity)} IS NOT NULL AND known_at > ? AND known_at <= ?"
    )


def frames(stream: Stream, aggregates: Sequence[Aggregate], *, native: bool) -> str:
    """`aggregates` by SQL windows, over the stream alone or its union with the spine."""
    source, keep = "_stream", "id IS NOT NULL"
    if not native:
        names = [f"v{i}" for i in range(len(stream.values))]
        names += [f"c{i}" for i in range(len(stream.conditions))]
        listed = "".join(f", {name}" for name in names)
        source = f"""(SELECT id, e, t AS k, true AS asks{"".join(f", NULL AS {n}" for n in names)}
            FROM _spine UNION ALL SELECT NULL, e, k, false{listed} FROM _stream)"""
        keep = "asks"
    windows = dict.fromkeys(a.micros for a in aggregates)
    columns = []
    for aggregate in aggregates:
        condition = stream.condition(aggregate) or ("" if native else "NOT asks")
        counts = f" FILTER (WHERE {condition})" if condition else ""
        columns.append(_aggregate(stream, aggregate, f"{counts} OVER w{aggregate.micros}"))
    named = ", ".join(
        f"w{m} AS (PARTITION BY e ORDER BY k RANGE BETWEEN {m - 1} PRECEDING AND 1 PRECEDING)"
        for m in windows
    )
    wanted = "id" if native else "id, asks"
    inner = f"SELECT {wanted}, {', '.join(columns)} FROM {source} WINDOW {named}"
    return f"SELECT * {'' if native else 'EXCLUDE (asks)'} FROM ({inner}) WHERE {keep}"


def range_join(stream: Stream, aggregates: Sequence[Aggregate], *, late: bool = False) -> str:
    """`aggregates` from pairs of a spine row and a stream row; `late` spine rows only."""
    longest = max(a.micros for a in aggregates)
    columns = []
    for a in aggregates:
        conditions = [stream.condition(a)] if a.where and a.op != "count_since" else []
        conditions += [f"k > t - {a.micros}"] if a.micros < longest else []
        counts = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
        columns.append(_aggregate(stream, a, counts))
    return f"""SELECT p.id, {", ".join(columns)}
        FROM _spine p JOIN _stream s ON s.e = p.e AND k < t AND k > t - {longest}
        {"WHERE late" if late else ""} GROUP BY p.id, t"""


def _aggregate(stream: Stream, a: Aggregate, modifier: str) -> str:
    """The aggregate function of `a`; `modifier` is its FILTER and OVER."""
    v = stream.value(a)
    match a.op:
        case "count":
            sql = f"count(*){modifier}"
        case "sum":
            sql = f"CAST(sum({v}){modifier} AS BIGINT)"
        case "sumsq":
            sql = f"sum(CAST({v} AS HUGEINT) * {v}){modifier}"
        case "distinct":
            sql = f"count(DISTINCT {v}){modifier}"
        case "quantile":
            sql = f"quantile_disc({v}, {a.q}){modifier}"
        case "min" | "max":
            sql = f"{a.op}({v}){modifier}"
        case "last":
            # a struct orders by its first field, then by its second: the greatest of equal times
            sql = f"(max(CASE WHEN {v} IS NOT NULL THEN {{'k': k, 'v': {v}}} END){modifier}).v"
        case "since_last":
            sql = f"t - max(k){modifier}"
        case "since_first":
            sql = f"t - min(k){modifier}"
        case "count_since":
            matching = f"CASE WHEN {stream.condition(a)} THEN rn END"
            sql = f"max(rn){modifier} - max({matching}){modifier}"
    return f"{sql} AS {quote(a.name)}"


def running(stream: Stream, aggregates: Sequence[Aggregate]) -> str:
    """Totals and lookups, at any times: running values of the stream, by ASOF joins."""
    state: dict[str, str] = {}
    joins = ["ASOF LEFT JOIN state a ON a.e = p.e AND a.k < p.t"]
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
        sql = f"SELECT e, k, max({v}) AS v FROM _stream WHERE {where} GROUP BY e, k"
        return tables.setdefault(sql, f"d{len(tables)}")

    columns = []
    for a in aggregates:
        v = stream.value(a)
        match a.op:
            case "count" | "sum" | "sumsq":
                total = {
                    "count": "count(*)",
                    "sum": f"sum({v})",
                    "sumsq": f"sum(CAST({v} AS HUGEINT) * {v})",
                }[a.op]
                r = running_value(total, a)
                join(f"w{a.micros}", f"w{a.micros}.k <= p.t - {a.micros}")
                sql = f"coalesce(a.{r}, 0) - coalesce(w{a.micros}.{r}, 0)"
                sql = f"CAST({sql} AS {a.kind})"
            case "since_last":
                r = running_value("max(k)", a)
                sql = f"CASE WHEN t - a.{r} < {a.micros} THEN t - a.{r} END"
            case "count_since":
                k, matching = running_value("max(k)", a), running_value("max(rn)", a)
                r = running_value("max(rn)", a, filtered=False)
                sql = f"CASE WHEN t - a.{k} < {a.micros} THEN a.{r} - a.{matching} END"
            case "last":
                table = distinct_rows(a)
                join(f"l{table}", f"l{table}.k < p.t", table)
                sql = f"CASE WHEN t - l{table}.k < {a.micros} THEN l{table}.v END"
            case _:
                table = distinct_rows(a)
                first = f"f{table}_{a.micros}"
                join(first, f"{first}.k > p.t - {a.micros}", table)
                sql = f"CASE WHEN {first}.k < t THEN t - {first}.k END"
        columns.append(f"{sql} AS {quote(a.name)}")
    listed = "".join(f", {sql} AS {name}" for sql, name in state.items())
    rows = f"""state AS MATERIALIZED (SELECT * FROM (
        SELECT e, k{listed}, lead(k) OVER (PARTITION BY e ORDER BY k) IS DISTINCT FROM k AS is_last
        FROM _stream WINDOW w AS (PARTITION BY e ORDER BY k RANGE UNBOUNDED PRECEDING)
    ) WHERE is_last)"""
    others = [f"{name} AS MATERIALIZED ({sql})" for sql, name in tables.items()]
    # without running values the join at t is of no use
    used, joined = ([rows], joins) if state else ([], joins[1:])
    return (
        f"WITH {', '.join([*used, *others])} "
        f"SELECT p.id, {', '.join(columns)} FROM _spine p {' '.join(joined)}"
    )


def attributes(plan: Plan, parts: Sequence[Attribute], relation: str) -> str:
    """Columns of one dimension: the latest version known before t; of equal times the greatest."""
    time = f"epoch_us({quote(parts[0].time)})"
    versions = ", ".join(f"max({read_column(a.kind, a.column)}) AS {quote(a.name)}" for a in parts)
    columns = ", ".join(
        (f"CASE WHEN d.k IS NULL THEN f.{n} ELSE d.{n} END" if a.assumed else f"d.{n}") + f" AS {n}"
        for a in parts
        for n in [quote(a.name)]
    )
    return f"""WITH versions AS MATERIALIZED (
            SELECT {quote(plan.entity)} AS e, {time} AS k, {versions} FROM {relation}
            WHERE {quote(plan.entity)} IN (SELECT e FROM _spine) GROUP BY ALL
        ), firsts AS (SELECT * FROM versions QUALIFY k = min(k) OVER (PARTITION BY e))
        SELECT p.id, {columns} FROM _spine p
        ASOF LEFT JOIN versions d ON d.e = p.e AND d.k < p.t LEFT JOIN firsts f ON f.e = p.e"""

"""A table of a relational database: what has changed since the last landing, and keys that left.

No instant is ever closed by having been read: rows may still come with the newest `updated_at`, and
a long transaction may commit rows with an older one. So every extraction compares. The keys and
times of the whole table are held against what was landed, which finds every row that is new, has
another time than before, or is gone; the contents of rows since the last seal less `overlap` are
compared as well, which finds changes that kept their time. What was landed is asked of the landed
files, never remembered elsewhere; so they must stay.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.lake import literal, quote
from lakehouse.settings import Settings
from lakehouse.sources.connectors.databases import Database, open_database, table_name
from lakehouse.sources.connectors.landed_rows import (
    UPSERT,
    body_of,
    canonical,
    read_landed,
    time_of,
)
from lakehouse.sources.errors import SourceDown, SpecError
from lakehouse.sources.landing import Landing, seal_name
from lakehouse.sources.spec import DatabaseConnector, SourceSpec

_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1)
_BATCH = 1 << 16
_IN_LIST = 500
_MANY = 5_000
"""So many rows out of order are read with the whole table, not by their keys."""


def news(
    spec: SourceSpec,
    connector: DatabaseConnector,
    settings: Settings,
    landing: Landing,
    last: datetime | None,
) -> str:
    """Whether there is something after `last`, in a few words; empty if not. Cheap: for polling.

    It sees a seal that has moved. Without a `seal` query it sees newer rows, and rows of the newest
    `updated_at` that were not landed; the next extraction alone finds older ones and deletes.

    Raises:
        SourceDown: when the database cannot be reached or asked.
    """
    with open_database(connector, settings) as source:
        if connector.seal:
            seal = _seal(source, connector)
            return f"complete up to {seal}" if seal and (not last or seal > last) else ""
        columns, key, updated = _columns(source, spec, connector)
        table, time = table_name(connector.table), quote(connector.updated_at)
        newest = f"SELECT max({time}) FROM {table} WHERE {time} < '9000-01-01'"
        selected = _selected(source, connector.table, columns)
        source.fetch("current", selected, f"FROM {table} WHERE {time} = ({newest})")
        moment = _one(source.work, f"SELECT max({time_of(f'c{updated}')}) FROM current")
        if moment is None or last is None or moment > last:
            return f"complete up to {moment}" if moment else ""
        read_landed(source.work, landing, columns, key, updated, moment, all_keys=False)
        late = _one(
            source.work,
            f"""SELECT count(*) FROM current LEFT JOIN
                (SELECT k, arg_max(body, place) AS body FROM recent GROUP BY k) AS latest
            ON c{key} IS NOT DISTINCT FROM k
            WHERE body IS DISTINCT FROM {body_of(len(columns), updated)}""",
        )
        return f"{late} more rows of {moment}" if late else ""


def land_changes(
    spec: SourceSpec,
    connector: DatabaseConnector,
    settings: Settings,
    landing: Landing,
    last: datetime | None,
) -> list[tuple[str, int]]:
    """Land one file with every version that was not landed yet, up to the seal, and the deletes.

    Without a `seal` query the file is named after the newest time; one that brings nothing newer
    than `last` is named a microsecond after it. Nothing changed lands nothing; but a seal that has
    moved lands a file even when no row has: it says that there was no change.
    """
    with open_database(connector, settings) as source:
        seal = None
        if connector.seal:
            seal = _seal(source, connector)
            if seal is None or (last is not None and seal <= last):
                return []
        columns, key, updated = _columns(source, spec, connector)
        since = last - connector.overlap if last else None
        work = source.work
        read_landed(work, landing, columns, key, updated, since)
        _fetch(source, connector, columns, key, updated, since, seal)
        _compare(work, columns, key, updated, since, seal)
        rows = _one(work, "SELECT count(*) FROM changes")
        if seal is None:
            if not rows:
                return []
            seal = _newest(work, connector, updated, last)
        name = _put(work, landing, columns, key, updated, seal)
        return [(name, rows)]


def _columns(
    source: Database, spec: SourceSpec, connector: DatabaseConnector
) -> tuple[list[str], int, int]:
    """All columns of table and history, and which of them are the key and the time."""
    if len(spec.contract.key) != 1:
        raise SpecError(f"source {spec.name}: a database source needs a key of one column")
    columns = source.columns(connector.table)
    key = spec.contract.column(spec.contract.key[0]).origin
    for name in (key, connector.updated_at):
        if name not in columns:
            raise SourceDown(
                f"cannot read {connector.table}: it has no column {name!r}, only "
                f"{', '.join(columns)} (spelt like this). Correct `from` or `updated_at` in the "
                f"source {spec.name}"
            )
    if connector.history_table:
        history = source.columns(connector.history_table)
        columns += [name for name in history if name not in columns]
    if "op" in columns:
        raise SpecError(
            f"{connector.table} has a column `op` of its own, the name under which deletes are "
            "told; let the source read a view with another name for it"
        )
    return columns, columns.index(key), columns.index(connector.updated_at)


def _selected(source: Database, table: str, columns: list[str]) -> list[str | None]:
    """`columns`, with None for those that `table` has not."""
    own = source.columns(table)
    return [name if name in own else None for name in columns]


def _seal(source: Database, connector: DatabaseConnector) -> datetime | None:
    text = source.ask(connector.seal.strip().rstrip(";"))
    if text is None:
        return None
    seal: datetime | None = _one(source.work, f"SELECT {time_of('t')} FROM (SELECT ? AS t)", text)
    if seal is None:
        raise SourceDown(
            f"the seal query of {connector.table} answers {text!r}, which is no time such as "
            f"2026-05-01 23:59:59 (UTC): {connector.seal}"
        )
    return seal


def _fetch(
    source: Database,
    connector: DatabaseConnector,
    columns: list[str],
    key: int,
    updated: int,
    since: datetime | None,
    seal: datetime | None,
) -> None:
    """Make `present` (all keys and times), `wanted`, `current` (whole rows), begin `changes`."""
    work, table = source.work, table_name(connector.table)
    selected = _selected(source, connector.table, columns)
    time = connector.updated_at
    window = source.since(connector.table, time, since) if since else ""
    source.fetch("current", selected, f"FROM {table} {window}")
    if since:
        source.fetch("pairs", [columns[key], time], f"FROM {table}")
        pairs = "SELECT c0 AS k, c1 AS u FROM pairs"
    else:
        pairs = f"SELECT c{key} AS k, c{updated} AS u FROM current"
    work.execute(f"CREATE TEMP TABLE present AS {pairs}")
    if connector.history_table:
        history = connector.history_table
        window = source.since(history, time, since) if since else ""
        former = _selected(source, history, columns)
        source.fetch("former", former, f"FROM {table_name(history)} {window}")
    else:
        work.execute("CREATE TEMP TABLE former AS FROM current LIMIT 0")
    _former(work, columns, updated, since, seal)
    _want(work, key, seal)
    _fetch_wanted(source, selected, table, key, updated)


def _former(
    work: duckdb.DuckDBPyConnection,
    columns: list[str],
    updated: int,
    since: datetime | None,
    seal: datetime | None,
) -> None:
    """Begin `changes` with the former versions to land."""
    body, time = body_of(len(columns), updated), time_of(f"c{updated}")
    work.execute(
        f"""CREATE TEMP TABLE changes AS SELECT *, 0 AS turn, {time} AS time FROM (
            SELECT DISTINCT * FROM former
        ) WHERE {_closed("time", seal)} {"" if since else "OR time IS NULL"}"""
    )
    if since:
        begun = f"time >= {_timestamp(since)}"
        work.execute(
            f"""DELETE FROM changes WHERE turn = 0
            AND (NOT {begun} OR {body} IN (SELECT body FROM recent))"""
        )


def _want(work: duckdb.DuckDBPyConnection, key: int, seal: datetime | None) -> None:
    """Make `wanted`: keys and times of the table that are not the ones landed last.

    Those of a key with a former version to land as well: what the table holds comes after it. Of a
    key that the table has twice, each time is wanted that was never landed with it.
    """
    work.execute(
        """CREATE TEMP TABLE latest AS
        SELECT k, last.u, last.op, last.place FROM (
            SELECT k, arg_max(struct_pack(u, op, place), place) AS last FROM known GROUP BY k
        )"""
    )
    work.execute(
        "CREATE TEMP TABLE doubles AS SELECT k FROM present GROUP BY k HAVING count(*) > 1"
    )
    # two spellings of a time are one; but to compare texts first saves reading most of the times
    work.execute(
        f"""CREATE TEMP TABLE wanted AS
        WITH others AS (
            SELECT DISTINCT p.k, p.u, {time_of("p.u")} AS time, {canonical("p.u")} AS canon, l.op,
                l.u AS before
            FROM present AS p LEFT JOIN latest AS l ON p.k IS NOT DISTINCT FROM l.k
            WHERE l.place IS NULL OR l.op = 'delete' OR p.u IS DISTINCT FROM l.u
        ), landed AS (
            SELECT DISTINCT k, {canonical("u")} AS canon, true AS found FROM known
            SEMI JOIN doubles AS d ON known.k IS NOT DISTINCT FROM d.k WHERE op <> 'delete'
        )
        SELECT DISTINCT o.k, o.u FROM others AS o
        LEFT JOIN landed AS s
            ON o.k IS NOT DISTINCT FROM s.k AND o.canon IS NOT DISTINCT FROM s.canon
        LEFT JOIN (SELECT k, true AS found FROM doubles) AS d ON o.k IS NOT DISTINCT FROM d.k
        WHERE (time IS NULL OR {_closed("time", seal)}) AND (op IS NULL OR op = 'delete' OR
            CASE WHEN d.found THEN s.found IS NULL
            ELSE {canonical("before")} IS DISTINCT FROM o.canon END)
        UNION SELECT p.k, p.u FROM present AS p SEMI JOIN changes ON p.k = c{key}
        WHERE {time_of("p.u")} IS NULL OR {_closed(time_of("p.u"), seal)}"""
    )


def _fetch_wanted(
    source: Database, selected: list[str | None], table: str, key: int, updated: int
) -> None:
    """Complete `current` with wanted rows from before its beginning, by their keys."""
    work = source.work
    missing = (
        f"wanted ANTI JOIN current ON k IS NOT DISTINCT FROM c{key} "
        f"AND u IS NOT DISTINCT FROM c{updated}"
    )
    keys = [row[0] for row in work.execute(f"SELECT DISTINCT k FROM {missing}").fetchall()]
    plain = [text for text in keys if text is not None and "\0" not in text]
    name = quote(selected[key] or "")
    for start in range(0, len(plain) if len(plain) < _MANY else 0, _IN_LIST):
        listed = ", ".join(map(literal, plain[start : start + _IN_LIST]))
        source.fetch("more", selected, f"FROM {table} WHERE {name} IN ({listed})")
        work.execute(
            f"""INSERT INTO current SELECT more.* FROM more SEMI JOIN (FROM {missing}) AS m
            ON k IS NOT DISTINCT FROM c{key} AND u IS NOT DISTINCT FROM c{updated}"""
        )
    if _one(work, f"SELECT count(*) FROM {missing}"):
        # too many, or keys that a list does not find: NULL, or of several types in SQLite
        source.fetch("current", selected, f"FROM {table}")


def _compare(
    work: duckdb.DuckDBPyConnection,
    columns: list[str],
    key: int,
    updated: int,
    since: datetime | None,
    seal: datetime | None,
) -> None:
    """Complete `changes`: `turn` is 0 for former versions, 1 for current ones, 2 for deletes.

    So the last row of a key in a file is what the table held, whatever the times say.
    """
    body, time = body_of(len(columns), updated), time_of(f"c{updated}")
    both = f"k IS NOT DISTINCT FROM c{key} AND u IS NOT DISTINCT FROM c{updated}"
    work.execute(
        f"INSERT INTO changes SELECT current.*, 1, {time} FROM current SEMI JOIN wanted ON {both}"
    )
    if since:
        begun = f"time >= {_timestamp(since)}"
        work.execute(
            f"""INSERT INTO changes
            WITH others AS (SELECT *, {time} AS time, {body} AS body FROM (
                SELECT current.* FROM current ANTI JOIN wanted ON {both}))
            SELECT o.* EXCLUDE (time, body), 1, time FROM others AS o
            LEFT JOIN latest AS l ON o.c{key} IS NOT DISTINCT FROM l.k
            LEFT JOIN recent AS r ON r.place = l.place
            LEFT JOIN (SELECT k, true AS found FROM doubles) AS d
                ON o.c{key} IS NOT DISTINCT FROM d.k
            LEFT JOIN (SELECT DISTINCT body, true AS found FROM recent) AS s ON s.body = o.body
            WHERE {begun} AND {_closed("time", seal)} AND
                CASE WHEN d.found THEN s.found IS NULL ELSE r.body <> o.body END"""
        )
    nothing = ", ".join(f"k AS c{n}" if n == key else f"NULL AS c{n}" for n in range(len(columns)))
    work.execute(
        f"""INSERT INTO changes SELECT {nothing}, NULL, 2, NULL FROM (
            SELECT k FROM latest WHERE op <> 'delete' UNION SELECT c{key} FROM changes
        ) AS live ANTI JOIN present USING (k) WHERE k IS NOT NULL"""
    )


def _newest(
    work: duckdb.DuckDBPyConnection,
    connector: DatabaseConnector,
    updated: int,
    last: datetime | None,
) -> datetime:
    """The seal of a file when no query gives one."""
    newest: datetime | None = _one(work, "SELECT max(time) FROM changes")
    if newest is None and last is None:
        example = _one(work, f"SELECT c{updated} FROM changes LIMIT 1")
        raise SourceDown(
            f"no {connector.updated_at} of {connector.table} is a time such as 2026-05-01 23:59:59 "
            f"(the first is {example!r}). Let the source read a view that makes it one, such as "
            "datetime(updated_at, 'unixepoch') in SQLite"
        )
    return max(newest or _EPOCH, last + _TICK if last else _EPOCH)


def _put(
    work: duckdb.DuckDBPyConnection,
    landing: Landing,
    columns: list[str],
    key: int,
    updated: int,
    seal: datetime,
) -> str:
    """Land `changes`, as text: Parquet, or JSON Lines if some of it is not UTF-8."""
    names = [*columns, "op"]
    suffix, write = ".parquet", _write_parquet
    if _one(work, "SELECT count(_bytes) FROM changes"):
        suffix, write = ".jsonl", _write_lines
    deleted = f"CASE WHEN turn = 2 THEN '{seal}' ELSE c{updated} END"
    texts = [deleted if n == updated else f"c{n}" for n in range(len(columns))]
    selected = ", ".join(f"{text} AS c{n}" for n, text in enumerate(texts))
    rows = work.execute(
        f"SELECT {selected}, CASE WHEN turn = 2 THEN 'delete' ELSE 'upsert' END AS op, _bytes "
        f"FROM changes ORDER BY turn, time, c{key}, {', '.join(f'c{n}' for n in range(len(texts)))}"
    ).to_arrow_reader(_BATCH)
    return landing.put(seal_name(seal, suffix), lambda path: write(path, rows, names))


def _write_parquet(path: Path, rows: Any, names: list[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        for batch in rows:
            columns = [batch.column(n).cast(pa.string()) for n in range(len(names))]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _write_lines(path: Path, rows: Any, names: list[str]) -> None:
    with path.open("wb") as file:
        for batch in rows:
            for *values, original in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                if original is None:
                    line = json.dumps(dict(zip(names, values, strict=True))).encode()
                else:
                    line = original.removesuffix(b"}") + UPSERT
                file.write(line + b"\n")


def _closed(at: str, seal: datetime | None) -> str:
    return f"{at} <= {_timestamp(seal)}" if seal else f"{at} IS NOT NULL"


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMP {literal(moment.isoformat(sep=' '))}"


def _one(work: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> Any:
    row = work.execute(query, list(parameters)).fetchone()
    return row[0] if row else None

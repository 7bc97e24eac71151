"""A table of a relational database: rows changed since the last seal, and keys that have gone.

Read through DuckDB's own scanners, SQLite and PostgreSQL alike, inside one transaction, so that
the table, its history and the seal belong together. What was landed before is asked of the landed
files, never remembered elsewhere; so they must stay.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from lakehouse.lake import literal, quote
from lakehouse.lake.connection import (
    connect,
    load_extensions,
    roll_back,
    spill_folder,
    use_object_storage,
)
from lakehouse.lake.transient import may_pass
from lakehouse.settings import Settings
from lakehouse.sources.errors import SourceAway, SourceDown, SpecError
from lakehouse.sources.landing import Landing, seal_name
from lakehouse.sources.places import resolve
from lakehouse.sources.spec import DatabaseConnector, SourceSpec


def current_seal(connector: DatabaseConnector, settings: Settings) -> datetime | None:
    """Up to when the database says it is complete (UTC, naive); None while it is empty.

    Raises:
        SourceDown: when it cannot be reached or asked.
    """
    with _open(connector, settings) as database:
        return _seal(database, connector)


def land_changes(
    spec: SourceSpec,
    connector: DatabaseConnector,
    settings: Settings,
    landing: Landing,
    last: datetime | None,
) -> list[tuple[str, int]]:
    """Land one Parquet file with every version after `last` up to the seal, and the deletes.

    A seal that has moved lands a file even when no row has: it says that there was no change.
    """
    with _open(connector, settings) as database:
        seal = _seal(database, connector)
        if seal is None or (last is not None and seal <= last):
            return []
        _collect(database, spec, connector, landing, last, seal)

        def write(path: Path) -> None:
            database.execute(f"COPY changes TO {literal(str(path))} (FORMAT parquet)")

        name = landing.put(seal_name(seal, ".parquet"), write)
        row = database.execute("SELECT count(*) FROM changes").fetchone()
        return [(name, row[0] if row else 0)]


def _collect(
    database: duckdb.DuckDBPyConnection,
    spec: SourceSpec,
    connector: DatabaseConnector,
    landing: Landing,
    last: datetime | None,
    seal: datetime,
) -> None:
    """Make the temporary table `changes`, as it is landed."""
    if len(spec.contract.key) != 1:
        raise SpecError(f"source {spec.name}: a database source needs a key of one column")
    key = quote(spec.contract.column(spec.contract.key[0]).origin)
    updated = quote(connector.updated_at)
    tables = [name for name in (connector.table, connector.history_table) if name]
    versions = " UNION ALL BY NAME ".join(
        _native(f"SELECT * FROM {_table(name)} {_coarse(updated, last)}") for name in tables
    )
    after = f"AND {updated} > {_timestamp(last)}" if last else ""
    database.execute(
        "CREATE TEMP TABLE changes AS SELECT *, 'upsert' AS op "
        f"FROM (SELECT * REPLACE ({_utc(updated)} AS {updated}) FROM ({versions})) "
        f"WHERE {updated} <= {_timestamp(seal)} {after} ORDER BY {updated}, {key}"
    )
    live = f"SELECT {key} FROM changes"
    if earlier := ", ".join(literal(file.path) for file in landing.files()):
        # the last file that tells of a key tells whether it was still there
        live += f""" UNION SELECT {key} FROM (
            SELECT {key}, filename, bool_or(op = 'delete') AS gone
            FROM read_parquet([{earlier}], filename = true) GROUP BY ALL
        ) GROUP BY {key} HAVING NOT arg_max(gone, filename)"""
    present = _native(f"SELECT {key} FROM {_table(connector.table)}")
    database.execute(
        f"INSERT INTO changes BY NAME SELECT {key}, {_timestamp(seal)} AS {updated}, "
        f"'delete' AS op FROM ({live}) ANTI JOIN ({present}) USING ({key}) ORDER BY {key}"
    )


def _seal(database: duckdb.DuckDBPyConnection, connector: DatabaseConnector) -> datetime | None:
    newest = f"SELECT max({quote(connector.updated_at)}) FROM {_table(connector.table)}"
    query = _native(connector.seal or newest)
    row = database.execute(f"SELECT {_utc('seal')} FROM ({query}) AS answer(seal)").fetchone()
    seal: datetime | None = row[0] if row else None
    return seal


def _native(query: str) -> str:
    """A SELECT that the database itself runs, filter and all."""
    return f"SELECT * FROM ask_source({literal(query)})"


def _coarse(updated: str, last: datetime | None) -> str:
    """A filter that every database understands and that loses nothing; the exact one comes later.

    Times may be text of any ISO form, in any zone: a day less and no time of day suits them all.
    """
    return f"WHERE {updated} >= '{last - timedelta(days=1):%Y-%m-%d}'" if last else ""


def _utc(value: str) -> str:
    """Text, TIMESTAMP or TIMESTAMPTZ as TIMESTAMP in UTC; without a zone it is UTC already."""
    return f"CAST(CAST({value} AS TIMESTAMPTZ) AS TIMESTAMP)"


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMP {literal(moment.isoformat(sep=' '))}"


def _table(name: str) -> str:
    return ".".join(map(quote, name.split(".")))


@contextmanager
def _open(connector: DatabaseConnector, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own with the database attached for reading, in one transaction."""
    url = resolve(connector.url, settings)
    kind, scanner, address = _address(url)
    connection = connect()
    try:
        load_extensions(connection, scanner)
        use_object_storage(connection, settings)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = {literal(settings.memory_limit)}")
        connection.execute(f"SET temp_directory = {literal(str(spill_folder(settings)))}")
        connection.execute(f"ATTACH {literal(address)} AS source (TYPE {kind}, READ_ONLY)")
        connection.execute(
            f"CREATE TEMP MACRO ask_source(query) AS TABLE FROM {kind}_query('source', query)"
        )
        connection.execute("BEGIN")
        yield connection
    except duckdb.Error as error:
        problem = SourceAway if may_pass(error) else SourceDown
        raise problem(
            f"cannot read {connector.table} of the database {url}: "
            f"{error}. See that it is up and that the address is right"
        ) from error
    finally:
        roll_back(connection)
        connection.close()


def _address(url: str) -> tuple[str, str, str]:
    """DuckDB's name of the kind of database, the extension that reads it, and its address."""
    if url.startswith("sqlite:"):
        path = url.removeprefix("sqlite:")
        path = path.removeprefix("//") if path.startswith("///") else path
        if not Path(path).is_file():
            raise SourceDown(
                f"there is no database at {path}: make the embedded world with `lakehouse "
                "simulate`, or put another address into the source's `url`"
            )
        return "sqlite", "sqlite_scanner", path
    if url.startswith(("postgresql://", "postgres://")):
        return "postgres", "postgres_scanner", url
    raise SpecError(f"{url!r} is neither sqlite:<path> nor postgresql://...")

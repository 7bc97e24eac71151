"""Opening DuckDB with the lake attached. Python and dbt use the same statements.

Locks and transactions are in `lake.py`.
"""

import importlib.util
import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.lake.errors import LakeError
from lakehouse.lake.names import CATALOG, literal
from lakehouse.lake.ownership import check_owner, mark_as_own
from lakehouse.lake.place import Place, find_place
from lakehouse.lake.storage import Storage
from lakehouse.private import make_private
from lakehouse.settings import Settings

_spill_numbers = itertools.count()
BUSY_TIMEOUT_MS = 60_000
SERVER_RETRIES = 100
"""How often DuckLake retries a commit after a conflict; 10 retries proved too few."""


def extension_path(name: str) -> Path:
    """The file of a DuckDB extension in the installed package that contains it, without network."""
    package = f"duckdb_extension_{name}"
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is missing: install the project's dependencies")
    root = Path(next(iter(spec.submodule_search_locations)))
    return root / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"


def connect(**config: Any) -> duckdb.DuckDBPyConnection:
    """Open a new in-memory DuckDB for which `load_extensions` can load the packaged extensions."""
    offline = {"autoinstall_known_extensions": False, "allow_unsigned_extensions": True}
    return duckdb.connect(":memory:", config={**offline, **config})


def load_extensions(connection: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Load the extensions `names`, then forbid unsigned ones.

    Checking a signature reads the whole file, which takes 0.25 s for each database. These files
    come from packages whose hashes are in the lock file, like DuckDB itself, so they are trusted
    without the check. Extensions that SQL loads later are checked. (A database that `connect` did
    not open checks these as well.)
    """
    for name in names:
        connection.execute(f"LOAD {literal(str(extension_path(name)))}")
    connection.execute("SET allow_unsigned_extensions = false")


def spill_folder(settings: Settings) -> Path:
    """A separate spill folder for each DuckDB, which creates it on demand and removes it at exit.

    Spill files have fixed names: two instances that share a folder read each other's blocks.
    """
    return make_private(settings.data_dir / "spill") / f"{os.getpid()}-{next(_spill_numbers)}"


def configure(
    connection: duckdb.DuckDBPyConnection, settings: Settings, *, read_only: bool = False
) -> None:
    """Limit memory and threads, let large queries spill to disk, and attach the lake.

    Raises:
        LakeError: for a writer, when the storage belongs to another lake or is not encrypted as the
            settings require.
    """
    connection.execute(f"SET memory_limit = {literal(settings.memory_limit)}")
    connection.execute(f"SET threads = {settings.cores}")
    connection.execute(f"SET temp_directory = {literal(str(spill_folder(settings)))}")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET preserve_insertion_order = false")
    scanner = "sqlite_scanner" if settings.embedded else "postgres_scanner"
    load_extensions(connection, "ducklake", scanner)
    use_object_storage(connection, settings)
    if not settings.embedded:
        connection.execute(f"SET ducklake_max_retry_count = {SERVER_RETRIES}")
    place = find_place(connection, settings)
    if place.encrypted:
        load_extensions(connection, "httpfs")  # only httpfs can write encrypted files
    if settings.encrypted and not place.encrypted and not read_only:
        raise LakeError(
            f"LAKEHOUSE_ENCRYPTED is on, but the lake of {settings.catalog} was "
            "created without encryption; unset it, or create a new lake with another "
            "LAKEHOUSE_DATA_DIR"
        )
    connection.execute(_attach_statement(settings, place, read_only=read_only))
    if not read_only:
        storage = Storage(connection, place.prefix)
        if not check_owner(connection, storage) and place.is_own:
            mark_as_own(connection, storage)


def open_connection(settings: Settings, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a new DuckDB instance with the lake attached as `lake`, its default catalog."""
    connection = connect()
    configure(connection, settings, read_only=read_only)
    connection.execute(f"USE {CATALOG}")
    return connection


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """End the open transaction, if there is one, before its connection is closed.

    DuckDB would roll back when it destroys the connection; if the catalog server is gone by then,
    that aborts the whole process (SIGABRT) instead of raising an error.
    """
    with suppress(duckdb.Error):  # no transaction, or an unreachable server
        connection.execute("ROLLBACK")


def _attach_statement(settings: Settings, place: Place, *, read_only: bool) -> str:
    # Flushing rows that are inlined in the catalog breaks open readers and writers.
    options = ["READ_ONLY"] if read_only else ["DATA_INLINING_ROW_LIMIT 0"]
    if settings.has_default_storage:
        # the catalog records where it was created, but the lake may have been moved
        options += [f"DATA_PATH {literal(place.prefix)}", "OVERRIDE_DATA_PATH true"]
    elif not read_only:
        options += [f"DATA_PATH {literal(place.prefix)}"]
    if place.encrypted and not place.exists:
        options += ["ENCRYPTED"]
    if settings.embedded:
        options += ["META_JOURNAL_MODE 'WAL'", f"META_BUSY_TIMEOUT {BUSY_TIMEOUT_MS}"]
    return f"ATTACH {literal('ducklake:' + settings.catalog)} AS {CATALOG} ({', '.join(options)})"


def use_object_storage(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Give the connection the object store's credentials; do nothing if all files are local."""
    if not any(place.startswith("s3://") for place in (settings.storage, settings.landing)):
        return
    load_extensions(connection, "httpfs")
    options = {"REGION": settings.s3_region}
    if settings.s3_key_id:
        options |= {"KEY_ID": settings.s3_key_id, "SECRET": settings.s3_secret}
    else:
        options |= {"PROVIDER": "credential_chain"}
    if settings.s3_endpoint:
        options |= {"ENDPOINT": settings.s3_endpoint, "URL_STYLE": "path"}
    pairs = ", ".join(f"{name} {literal(value)}" for name, value in options.items())
    ssl = str(settings.s3_use_ssl).lower()
    connection.execute(f"CREATE OR REPLACE SECRET storage (TYPE s3, USE_SSL {ssl}, {pairs})")

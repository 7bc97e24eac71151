"""Opening DuckDB with the lake attached. The same few statements serve Python and dbt.

No locking and no transactions here: see `lake.py`.
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

_spills = itertools.count()
BUSY_TIMEOUT_MS = 60_000
SERVER_RETRIES = 100
"""How often a commit tries again when another one came between; 10 were seen to be too few."""


def extension_path(name: str) -> Path:
    """The file of a DuckDB extension, from the package that carries it: no network is needed."""
    package = f"duckdb_extension_{name}"
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is missing: install the project's dependencies")
    root = Path(next(iter(spec.submodule_search_locations)))
    return root / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"


def connect(**config: Any) -> duckdb.DuckDBPyConnection:
    """A new DuckDB in memory, to which `load_extensions` may give what the packages carry."""
    offline = {"autoinstall_known_extensions": False, "allow_unsigned_extensions": True}
    return duckdb.connect(":memory:", config={**offline, **config})


def load_extensions(connection: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Load the extensions called `names`, then let none be loaded that is not signed.

    Checking a signature reads the whole file, a quarter of a second for each database opened. These
    files were installed as DuckDB itself was, from packages whose hashes the lock file knows, so
    they are trusted like it; what SQL may load later is not. (A database that was not opened by
    `connect` checks these as well.)
    """
    for name in names:
        connection.execute(f"LOAD {literal(str(extension_path(name)))}")
    connection.execute("SET allow_unsigned_extensions = false")


def spill_folder(settings: Settings) -> Path:
    """A folder of its own for each DuckDB, which makes it when it spills and removes it at the end.

    Their files all have the same names: two that spill into one folder read each other's blocks.
    """
    return make_private(settings.data_dir / "spill") / f"{os.getpid()}-{next(_spills)}"


def configure(
    connection: duckdb.DuckDBPyConnection, settings: Settings, *, read_only: bool = False
) -> None:
    """Limit memory and threads, let big queries spill to disk, and attach the lake.

    Raises:
        LakeError: to a writer, when its storage belongs to another lake or is not encrypted as the
            settings want it.
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
        load_extensions(connection, "httpfs")  # only its cryptography may write
    if settings.encrypted and not place.encrypted and not read_only:
        raise LakeError(
            f"LAKEHOUSE_ENCRYPTED is on, but the lake of {settings.catalog} was "
            "made without encryption; unset it, or make a new lake with another LAKEHOUSE_DATA_DIR"
        )
    connection.execute(_attach_statement(settings, place, read_only=read_only))
    if not read_only:
        storage = Storage(connection, place.prefix)
        if not check_owner(connection, storage) and place.own:
            mark_as_own(connection, storage)


def open_connection(settings: Settings, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A new DuckDB instance with the lake attached as `lake` and made the default catalog."""
    connection = connect()
    configure(connection, settings, read_only=read_only)
    connection.execute(f"USE {CATALOG}")
    return connection


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """End the open transaction, if there is one, before its connection is closed.

    DuckDB would do so itself when it destroys the connection, where a server that has gone away in
    the meantime ends the whole process (SIGABRT) instead of raising an error.
    """
    with suppress(duckdb.Error):  # no transaction, or a server that cannot be told
        connection.execute("ROLLBACK")


def _attach_statement(settings: Settings, place: Place, *, read_only: bool) -> str:
    # Rows inlined into the catalog would have to be flushed, which breaks open readers and writers.
    options = ["READ_ONLY"] if read_only else ["DATA_INLINING_ROW_LIMIT 0"]
    if settings.files_beside_catalog:
        # the catalog remembers where it was made, and may have been moved since with its files
        options += [f"DATA_PATH {literal(place.prefix)}", "OVERRIDE_DATA_PATH true"]
    elif not read_only:
        options += [f"DATA_PATH {literal(place.prefix)}"]
    if place.encrypted and not place.made:
        options += ["ENCRYPTED"]
    if settings.embedded:
        options += ["META_JOURNAL_MODE 'WAL'", f"META_BUSY_TIMEOUT {BUSY_TIMEOUT_MS}"]
    return f"ATTACH {literal('ducklake:' + settings.catalog)} AS {CATALOG} ({', '.join(options)})"


def use_object_storage(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Give the connection the settings' key to the object store; nothing if all is local."""
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

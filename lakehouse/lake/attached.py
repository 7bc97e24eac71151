"""The lake on another program's connection, for writing. It takes no lock: see `lock.py`."""

import duckdb

from lakehouse.lake.connection import configure
from lakehouse.lake.hashes import hash_commit
from lakehouse.lake.lake import create_missing, make_folders
from lakehouse.lake.place import find_place
from lakehouse.lake.progress import create_table
from lakehouse.lake.storage import Storage
from lakehouse.settings import Settings


def attach_writer(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Attach the lake for writing, apply its settings, and create the schemas it lacks.

    Raises:
        LakeError: when the storage belongs to another lake, or is not encrypted as the settings
            require.
    """
    make_folders(settings)
    configure(connection, settings)
    create_missing(connection)
    create_table(connection)


def hash_commits(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Hash the files committed since the last call."""
    cursor = connection.cursor()
    hash_commit(cursor, Storage(cursor, find_place(cursor, settings).prefix))

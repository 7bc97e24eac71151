"""The lake on the connection of another program that writes to it. No lock here: see `lock.py`."""

import duckdb

from lakehouse.lake.connection import configure
from lakehouse.lake.hashes import hash_commit
from lakehouse.lake.lake import create_missing, make_folders
from lakehouse.lake.place import find_place
from lakehouse.lake.progress import create_table
from lakehouse.lake.storage import Storage
from lakehouse.settings import Settings


def attach_writer(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Attach the lake for writing, with its settings, and make what is missing in it.

    Raises:
        LakeError: when the storage is another lake's, or not encrypted as the settings want it.
    """
    make_folders(settings)
    configure(connection, settings)
    create_missing(connection)
    create_table(connection)


def hash_commits(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Take the hashes of the files that were committed since the last time."""
    cursor = connection.cursor()
    hash_commit(cursor, Storage(cursor, find_place(cursor, settings).prefix))

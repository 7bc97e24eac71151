"""The owner of a storage prefix: a marker file holds the id of the only lake that may write there.

A lake made by this release has its own prefix and marks it at once. A prefix of an older release
may hold other files: maintenance adopts it if all files in it are this lake's.
"""

import json
import re

import duckdb

from lakehouse.lake.errors import LakeError
from lakehouse.lake.names import CATALOG
from lakehouse.lake.storage import Storage

MARK = "lake.json"
METADATA = f"__ducklake_metadata_{CATALOG}"
"""The name under which DuckLake attaches the tables of its catalog."""
_ABOUT = "A lake's files. Only the lake with this id writes and deletes here."
_WRITTEN = re.compile(
    r"(.*/)?ducklake-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-delete)?\.parquet"
)


def lake_id(cursor: duckdb.DuckDBPyConnection) -> str:
    """The lake's unique id; a copy of the lake has the same."""
    query = f"SELECT schema_uuid FROM {METADATA}.ducklake_schema WHERE schema_name = 'main'"
    row = cursor.execute(query).fetchone()
    if row is None:
        raise LakeError(
            "the catalog has no schema `main`, which identifies the lake; restore the catalog from "
            "a backup"
        )
    return str(row[0])


def is_written_by_a_lake(path: str) -> bool:
    """Whether a file's name has the form that only DuckLake writes."""
    return bool(_WRITTEN.fullmatch(path))


def check_owner(cursor: duckdb.DuckDBPyConnection, storage: Storage) -> bool:
    """Whether the prefix is marked as this lake's; False if it has no marker.

    Raises:
        LakeError: when it belongs to another lake, or the marker cannot be read.
    """
    text = storage.read(MARK)
    if text is None:
        return False
    mark = storage.path(MARK)
    try:
        owner = json.loads(text)["lake"]
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(
            f"{mark} does not name the owner of the lake's storage ({error!r}); restore it from a "
            "backup or, if all files there are this lake's, write "
            f'{{"lake": "{lake_id(cursor)}"}} into it'
        ) from error
    if owner != lake_id(cursor):
        raise LakeError(
            f"the storage {storage.prefix} belongs to another lake ({mark} names {owner}, this "
            f"one is {lake_id(cursor)}); set LAKEHOUSE_STORAGE and LAKEHOUSE_CATALOG to those of "
            "one lake"
        )
    return True


def mark_as_own(cursor: duckdb.DuckDBPyConnection, storage: Storage) -> None:
    """Mark the prefix as this lake's."""
    mark = {"lake": lake_id(cursor), "about": _ABOUT}
    storage.write(MARK, json.dumps(mark, indent=1) + "\n")

"""Whose a storage prefix is: a mark in it holds the id of the lake that alone may write there.

A lake made by this release has a prefix of its own and marks it at once. A prefix that an older
release used may hold anybody's files: maintenance adopts it when all in it is this lake's.
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
    """What tells this lake from any other; a copy of it has the same."""
    query = f"SELECT schema_uuid FROM {METADATA}.ducklake_schema WHERE schema_name = 'main'"
    row = cursor.execute(query).fetchone()
    if row is None:
        raise LakeError("the catalog has no schema `main`, so nobody knows which lake it is")
    return str(row[0])


def is_written_by_a_lake(path: str) -> bool:
    """Whether a file has a name as only a lake gives it."""
    return bool(_WRITTEN.fullmatch(path))


def check_owner(cursor: duckdb.DuckDBPyConnection, storage: Storage) -> bool:
    """Whether the prefix is marked as this lake's; false where nobody has marked it.

    Raises:
        LakeError: when it is another lake's, or when the mark cannot be read.
    """
    text = storage.read(MARK)
    if text is None:
        return False
    mark = storage.path(MARK)
    try:
        owner = json.loads(text)["lake"]
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(
            f"{mark} does not tell whose the lake's storage is ({error!r}); restore it from a "
            f'backup, or write {{"lake": "{lake_id(cursor)}"}} into it if all there is this lake\'s'
        ) from error
    if owner != lake_id(cursor):
        raise LakeError(
            f"the storage {storage.prefix} belongs to another lake ({mark} names {owner}, this "
            f"one is {lake_id(cursor)}); set LAKEHOUSE_STORAGE or LAKEHOUSE_CATALOG to the other "
            "half of this lake"
        )
    return True


def mark_as_own(cursor: duckdb.DuckDBPyConnection, storage: Storage) -> None:
    """Mark the prefix as this lake's."""
    mark = {"lake": lake_id(cursor), "about": _ABOUT}
    storage.write(MARK, json.dumps(mark, indent=1) + "\n")

"""The files in the catalog, with the immutable metadata that it keeps of each.

Read from the catalog's tables as DuckLake's specification describes them
(https://ducklake.select/docs/stable/specification/tables/overview). Simple queries, joined here in
Python: they run after each commit, and a join of the catalog's tables takes twice as long.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import duckdb

from lakehouse.lake.ownership import METADATA


@dataclass(frozen=True)
class LakeFile:
    """A data or delete file. `name` is relative to the lake's prefix if the file is below it.

    `id` grows with each file of the lake. `record` is the SHA-256 of the catalog's metadata of the
    file: rows, sizes, key, column bounds. `is_current`: whether the newest snapshot needs it.
    `name` and `table` are empty if the table is missing in the catalog.
    """

    id: int
    name: str
    table: str
    bytes: int
    footer: int
    snapshot: int
    record: str
    is_current: bool


def list_files(cursor: duckdb.DuckDBPyConnection, after: int = -1) -> list[LakeFile]:
    """The files of all snapshots with an id above `after`, ordered by id."""

    def select(columns: str, table: str, key: str) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM {METADATA}.{table} WHERE {key} > ?"
        return cursor.execute(query, [after]).fetchall()

    data = select(f"{_COMMON.format('data')}, {_OF_DATA}", "ducklake_data_file", "data_file_id")
    deletes = select(
        f"{_COMMON.format('delete')}, {_OF_DELETES}", "ducklake_delete_file", "delete_file_id"
    )
    if not data and not deletes:
        return []
    bounds: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for file, *values in select(_BOUNDS, "ducklake_file_column_stats", "data_file_id"):
        bounds[file].append(tuple(values))
    tables = _tables(cursor)
    files = []
    for id_, table_id, path, relative, bytes_, footer, snapshot, current, *facts in [
        *data,
        *deletes,
    ]:
        table, folder = tables.get(table_id, ("", None))
        name = path if not relative else "" if folder is None else folder + path
        known = repr((bytes_, footer, facts, sorted(bounds[id_])))
        record = hashlib.sha256(known.encode()).hexdigest()
        files.append(LakeFile(id_, name, table, bytes_, footer, snapshot, record, current))
    return sorted(files, key=lambda file: file.id)


def list_scheduled(cursor: duckdb.DuckDBPyConnection) -> set[str]:
    """Names of the files that no snapshot needs and that are scheduled for deletion."""
    query = f"SELECT path FROM {METADATA}.ducklake_files_scheduled_for_deletion"
    return {path for (path,) in cursor.execute(query).fetchall()}


def _tables(cursor: duckdb.DuckDBPyConnection) -> dict[int, tuple[str, str]]:
    """Name and folder of each table by its id, also after a rename."""
    rows = cursor.execute(
        "SELECT table_id, schema_name || '.' || table_name, "
        "CASE WHEN t.path_is_relative::BOOLEAN THEN s.path || t.path ELSE t.path END "
        f"FROM {METADATA}.ducklake_table t JOIN {METADATA}.ducklake_schema s USING (schema_id)"
    )
    return {table_id: (name, folder) for table_id, name, folder in rows.fetchall()}


_COMMON = (
    "{0}_file_id, table_id, path, path_is_relative::BOOLEAN, file_size_bytes, footer_size, "
    "begin_snapshot, end_snapshot IS NULL"
)
_OF_DATA = "record_count, row_id_start, encryption_key"
_OF_DELETES = "data_file_id, delete_count, encryption_key"
_BOUNDS = (
    "data_file_id, column_id, column_size_bytes, value_count, null_count, "
    "coalesce(min_value, ''), coalesce(max_value, '')"
)

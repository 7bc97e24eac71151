"""The UI's metadata of a table: rows, columns and column lineage. Read from the catalog only."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import duckdb

from lakehouse.lake import NoSuchTable, Table, fetch_value, qualified, read_columns
from lakehouse.orchestration.metadata import ROW_COUNT

ColumnInputs = Mapping[str, Sequence[tuple[str, str]]]
"""For each column its input columns: `(table, column)`, tables as `schema.table`."""


def describe_table(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    *,
    descriptions: Mapping[str, str] | None = None,
    lineage: ColumnInputs | None = None,
) -> dict[str, Any]:
    """Row count, column schema and column lineage of `schema.table`, as Dagster's metadata.

    Counts the rows of a view; the catalog records those of a table. Raises `NoSuchTable`.
    """
    descriptions = descriptions or {}
    columns = read_columns(cursor, table)
    if not columns:
        raise NoSuchTable(f"there is no table {table} in the lake")
    rows = int(fetch_value(cursor, f"SELECT count(*) FROM {qualified(table)}"))
    metadata: dict[str, Any] = {
        "dagster/relation_identifier": table,
        ROW_COUNT: rows,
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(column, kind, description=descriptions.get(column))
                for column, kind in columns.items()
            ]
        ),
    }
    if lineage:
        metadata["dagster/column_lineage"] = column_lineage(lineage)
    return metadata


def column_lineage(inputs: ColumnInputs) -> dg.TableColumnLineage:
    """Convert `inputs` to Dagster's type; a table `schema.name` is the asset `schema/name`."""
    return dg.TableColumnLineage(
        deps_by_column={
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey(Table(table).parts), column_name=name)
                for table, name in sorted(set(parts))
            ]
            for column, parts in inputs.items()
        }
    )

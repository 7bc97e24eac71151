"""The raw table of a source, with the columns of the contract and of evolving files."""

from collections.abc import Sequence

import duckdb

from lakehouse.lake import Author, Lake, layout, qualified, quote, read_columns, table_exists
from lakehouse.sources import manifest
from lakehouse.sources.contract import SYSTEM_COLUMNS
from lakehouse.sources.errors import ContractError
from lakehouse.sources.raw_contract import (
    breaking_changes,
    declared_columns,
    has_rows,
    read_terms,
    terms,
    write_terms,
)
from lakehouse.sources.spec import SourceSpec


def create_tables(spec: SourceSpec, lake: Lake) -> list[str]:
    """Make `raw.<source>` with all declared columns, and the manifest, if they are missing.

    Stores the contract's terms with the table. Returns the columns that were added to a table with
    rows: they must be nullable, and are NULL in existing rows.

    Raises:
        ContractError: when the rows in the table do not allow the contract; includes the remedy.
    """
    with lake.reader() as cursor:
        if (
            manifest.is_ready(cursor)
            and table_exists(cursor, spec.table)
            and read_terms(cursor, spec.name) == terms(spec)
        ):
            return []
    with lake.writer(Author(spec.table, message=f"columns of {spec.table}")) as cursor:
        manifest.create_tables(cursor)
        added = _update_columns(cursor, spec)
        write_terms(cursor, spec)
    return added


def create_raw(
    cursor: duckdb.DuckDBPyConnection, spec: SourceSpec, table: str, extras: Sequence[str] = ()
) -> None:
    """Make `table` (quoted) with the columns of raw and undeclared `extras`."""
    columns = declared_columns(spec) | dict.fromkeys(extras, "VARCHAR")
    listed = ", ".join(f"{quote(name)} {type}" for name, type in columns.items())
    cursor.execute(f"CREATE TABLE {table} ({listed})")


def _update_columns(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> list[str]:
    table, expected = qualified(spec.table), declared_columns(spec)
    present = read_columns(cursor, spec.table)
    if present and has_rows(cursor, spec):
        if changes := breaking_changes(cursor, spec):
            raise ContractError(
                f"{spec.table} was built under another contract: {'; '.join(changes)}. Undo the "
                "change, or apply it from the landed files: `lakehouse run --full-refresh --select "
                f"raw/{spec.name}+` rebuilds {spec.table} and everything downstream of it"
            )
        added = [name for name in expected if name not in present]
        for name in added:
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN {quote(name)} {expected[name]}")
        return added
    if present != expected:
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        create_raw(cursor, spec, table)
    return []


def undeclared_columns(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> list[str]:
    """Columns of raw that were never declared and are still filled."""
    if spec.contract.on_change != "evolve":
        return []
    declared = {*SYSTEM_COLUMNS, *(column.name for column in spec.contract.stored)}
    present = read_columns(cursor, spec.table)
    return [name for name, type in present.items() if name not in declared and type == "VARCHAR"]


def remove_file(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec, file: str) -> None:
    """Delete a file's rows from raw and quarantine, and its seal, in the open transaction.

    Its load id is kept, so that it is never assigned again.
    """
    cursor.execute(f"DELETE FROM {qualified(spec.table)} WHERE _file = ?", [file])
    of_source = "WHERE source = ? AND "
    cursor.execute(
        f"DELETE FROM {qualified(layout.QUARANTINED)} {of_source} _file = ?", [spec.name, file]
    )
    cursor.execute(
        f"UPDATE {qualified(layout.FILES)} SET status = 'unloaded', seal = NULL, rows = 0, "
        f"rejected = 0 {of_source} file = ? AND seal IS NOT NULL",
        [spec.name, file],
    )

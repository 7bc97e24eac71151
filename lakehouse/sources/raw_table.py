"""The raw table of a source: its columns, as the contract and the evolving files have made them."""

import duckdb

from lakehouse.lake import Author, Lake, qualified, quote
from lakehouse.lake.columns import read_columns
from lakehouse.lake.lake import table_exists
from lakehouse.sources import manifest
from lakehouse.sources.errors import ContractError
from lakehouse.sources.spec import SYSTEM_COLUMNS, SourceSpec

SYSTEM_TYPES = ("VARCHAR", "BIGINT", "BIGINT", "TIMESTAMP", "TIMESTAMP")


def create_tables(spec: SourceSpec, lake: Lake) -> None:
    """Make `raw.<source>` with all declared columns, and the manifest, if they are missing.

    Raises:
        ContractError: when the table has a declared column under another type.
    """
    with lake.reader() as cursor:
        ready = manifest.is_ready(cursor) and not _lacking(cursor, spec)
    if ready:
        return
    with lake.writer(Author(spec.table, message=f"columns of {spec.table}")) as cursor:
        manifest.create_tables(cursor)
        table, lacking = qualified(spec.table), _lacking(cursor, spec)
        if not table_exists(cursor, spec.table):
            columns = ", ".join(f"{quote(name)} {type}" for name, type in lacking.items())
            cursor.execute(f"CREATE TABLE {table} ({columns})")
            return
        for name, type in lacking.items():
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN {quote(name)} {type}")


def _lacking(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> dict[str, str]:
    """Columns that the raw table should have and has not; checks the types of the others."""
    present = read_columns(cursor, spec.table)
    wanted = {column.name: column.raw_type for column in spec.contract.stored}
    wanted |= dict(zip(SYSTEM_COLUMNS, SYSTEM_TYPES, strict=True))
    for name, type in wanted.items():
        if present.get(name, type) != type:
            raise ContractError(
                f"{spec.table}.{name} is {present[name]} in the lake but {type} in the contract: "
                "give the column another name, or keep the type"
            )
    return {name: type for name, type in wanted.items() if name not in present}


def undeclared_columns(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> list[str]:
    """Columns that came into raw without being declared, and go on being filled."""
    if spec.contract.on_change != "evolve":
        return []
    declared = {*SYSTEM_COLUMNS, *(column.name for column in spec.contract.stored)}
    present = read_columns(cursor, spec.table)
    return [name for name, type in present.items() if name not in declared and type == "VARCHAR"]


def take_out(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec, file: str) -> None:
    """Delete a file's rows from raw and quarantine, and its seal, in the open transaction.

    Its load id is kept, so that it is never given again.
    """
    cursor.execute(f"DELETE FROM {qualified(spec.table)} WHERE _file = ?", [file])
    of_source = "WHERE source = ? AND "
    cursor.execute(
        f"DELETE FROM {qualified(manifest.QUARANTINE)} {of_source} _file = ?", [spec.name, file]
    )
    cursor.execute(
        f"UPDATE {qualified(manifest.FILES)} SET status = 'unloaded', seal = NULL, rows = 0, "
        f"rejected = 0 {of_source} file = ? AND seal IS NOT NULL",
        [spec.name, file],
    )

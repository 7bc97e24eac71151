"""Reading the lake from the command line: `sql`, its prompt, `tables`; and `maintain`."""

import sys
from typing import Any

import click
import duckdb
from rich.console import Console
from rich.table import Table

from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake
from lakehouse.lake.names import CATALOG
from lakehouse.settings import Settings

SHOWN_ROWS = 100


def sql_command(settings: Settings, query: str, *, as_csv: bool) -> None:
    """Print the rows of `query`, at most `SHOWN_ROWS` of them unless as CSV."""
    with Lake(settings, read_only=True) as lake, lake.reader() as cursor:
        try:
            result = cursor.execute(query)
            if as_csv:
                _print_csv(result)
            else:
                _print_table(result)
        except duckdb.Error as error:
            raise LakehouseError(str(error)) from error


def prompt(settings: Settings) -> None:
    """Read queries from a prompt until the end of input; a query ends with a semicolon."""
    with Lake(settings, read_only=True) as lake, lake.cursor() as cursor:
        cursor.execute(f"USE {CATALOG}")
        click.echo("Read-only SQL on the lake; end a query with ; and leave with ctrl-d.")
        query = ""
        while True:
            try:
                query += input("....> " if query else "lake> ") + "\n"
            except (EOFError, KeyboardInterrupt):
                click.echo()
                return
            if not query.strip():
                query = ""
            elif query.rstrip().endswith(";"):
                try:
                    _print_table(cursor.execute(query))
                except duckdb.Error as error:
                    click.secho(str(error), fg="red", err=True)
                query = ""


def tables_command(settings: Settings) -> None:
    """Print every table and view of the lake."""
    table = Table("table", "rows", "columns", "kind", box=None, header_style="bold")
    table.columns[1].justify = table.columns[2].justify = "right"
    with Lake(settings, read_only=True) as lake, lake.reader() as cursor:
        rows = cursor.execute(
            "SELECT schema_name || '.' || table_name, estimated_size, column_count, 'table' "
            "FROM duckdb_tables() WHERE database_name = 'lake' UNION ALL "
            "SELECT schema_name || '.' || view_name, NULL, column_count, 'view' "
            "FROM duckdb_views() WHERE database_name = 'lake' AND NOT internal ORDER BY 1"
        ).fetchall()
    for name, size, columns, kind in rows:
        table.add_row(name, "" if size is None else f"{size:,}", str(columns), kind)
    Console().print(table)


def maintain_command(settings: Settings) -> None:
    """Do the housekeeping and say what changed."""
    from datetime import UTC, datetime

    from lakehouse.lake.maintenance import maintain
    from lakehouse.orchestration.instance import open_instance
    from lakehouse.orchestration.launcher import end_killed_runs
    from lakehouse.orchestration.run_history import prune_runs

    with Lake(settings) as lake:
        done = maintain(lake)
    click.echo(
        f"snapshots {done.before.snapshots} -> {done.after.snapshots}, "
        f"files {done.before.files} -> {done.after.files}, "
        f"{done.before.bytes / 1e6:.1f} -> {done.after.bytes / 1e6:.1f} MB, "
        f"{done.files_deleted} unused files deleted"
    )
    with open_instance(settings) as instance:
        end_killed_runs(instance)
        deleted = prune_runs(instance, settings, datetime.now(UTC))
    click.echo(f"{deleted} runs deleted from the history")


def _print_table(result: duckdb.DuckDBPyConnection) -> None:
    table = Table(
        *(column[0] for column in result.description or []), box=None, header_style="bold"
    )
    rows = result.fetchmany(SHOWN_ROWS + 1)
    for row in rows[:SHOWN_ROWS]:
        table.add_row(*map(_shown, row))
    # a pipe has no width that anything should be cut to
    Console(width=None if sys.stdout.isatty() else 1_000).print(table)
    if len(rows) > SHOWN_ROWS:
        click.echo(f"(the first {SHOWN_ROWS} rows; --csv prints all)")


def _print_csv(result: duckdb.DuckDBPyConnection) -> None:
    import csv

    writer = csv.writer(sys.stdout)
    writer.writerow([column[0] for column in result.description or []])
    while rows := result.fetchmany(10_000):
        writer.writerows(rows)


def _shown(value: Any) -> str:
    return "" if value is None else str(value)

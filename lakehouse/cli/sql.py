"""`lakehouse sql`: a query, or a prompt for queries, restricted to reading."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import Output, fail, print_line
from lakehouse.errors import LakehouseError

if TYPE_CHECKING:
    from lakehouse.lake.door import Door
    from lakehouse.settings import Settings

SHOWN_ROWS = 100
PLAN = ("explain_key", "explain_value")
"""The columns of EXPLAIN's answer: a multi-line drawing."""


@click.command(
    "sql",
    epilog=examples(
        'lakehouse sql "FROM raw.customers LIMIT 5"',
        'lakehouse sql --csv "SUMMARIZE core.fct_labels"',
        "lakehouse sql",
    ),
)
@click.argument("query", required=False)
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help=f"Print all rows as CSV instead of a table of at most {SHOWN_ROWS}.",
)
@pass_settings
def command(settings: "Settings", query: str | None, as_csv: bool) -> None:
    """Run QUERY on the lake, or open a prompt; read-only.

    Safe while a run is writing. Takes one SELECT, EXPLAIN, DESCRIBE, SUMMARIZE or SHOW ALL TABLES
    at a time.
    """
    from lakehouse.cli.opening import require_lake
    from lakehouse.lake.door import Door

    require_lake(settings)
    with Door(settings) as door:
        if query is not None:
            _answer(door, query, as_csv=as_csv)
        elif not _prompt(door, as_csv=as_csv) and not sys.stdin.isatty():
            sys.exit(1)


def _prompt(door: "Door", *, as_csv: bool) -> bool:
    """Read queries until the end of input, each up to a semicolon; return whether all succeeded."""
    answered = True
    if sys.stdin.isatty():
        print_line("Read-only SQL on the lake; end a query with ; and leave with ctrl-d.")
    for query in _queries():
        try:
            _answer(door, query, as_csv=as_csv)
        except LakehouseError as error:
            fail(str(error))
            answered = False
    return answered


def _queries() -> Iterator[str]:
    """The typed or piped queries, one by one; the last one may lack its semicolon."""
    query = ""
    asks = sys.stdin.isatty()
    while True:
        try:
            query += input(("....> " if query else "lake> ") if asks else "") + "\n"
        except (EOFError, KeyboardInterrupt) as end:
            if asks:
                print_line()
            if query.strip() and isinstance(end, EOFError):
                yield query
            return
        if not query.strip():
            query = ""
        elif query.rstrip().endswith(";"):
            yield query
            query = ""


def _answer(door: "Door", query: str, *, as_csv: bool) -> None:
    answer = door.ask(query)
    if as_csv:
        Output().csv(answer.columns, answer.rows())
        return
    rows = answer.first(SHOWN_ROWS + 1)
    if answer.columns == PLAN:
        for line in "\n".join(plan for _, plan in rows).splitlines():
            print_line(line)
        return
    Output().table(answer.columns, [list(map(_shown, row)) for row in rows[:SHOWN_ROWS]])
    if len(rows) > SHOWN_ROWS:
        print_line(f"(the first {SHOWN_ROWS} rows; --csv prints all)")


def _shown(value: Any) -> str:
    return "" if value is None else str(value)

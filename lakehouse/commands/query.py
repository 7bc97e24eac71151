"""Reading the lake from the command line: `sql`, its prompt, `tables`; and `maintain`."""

import sys
from collections.abc import Iterator
from typing import Any

from lakehouse.commands.opening import open_lake, require_lake
from lakehouse.commands.output import Output, fail, say, warn
from lakehouse.errors import LakehouseError
from lakehouse.lake.door import Door
from lakehouse.lake.lake import fetch_value
from lakehouse.lake.names import CATALOG, qualified
from lakehouse.settings import Settings

SHOWN_ROWS = 100
PLAN = ("explain_key", "explain_value")
"""The columns of what EXPLAIN answers: a drawing of many lines."""


def sql_command(settings: Settings, query: str, *, as_csv: bool) -> None:
    """Print the rows of `query`, at most `SHOWN_ROWS` of them unless as CSV."""
    require_lake(settings)
    with Door(settings) as door:
        _answer(door, query, as_csv=as_csv)


def prompt(settings: Settings, *, as_csv: bool) -> bool:
    """Read queries until the end of input, each up to a semicolon; whether all were answered."""
    answered = True
    require_lake(settings)
    with Door(settings) as door:
        if sys.stdin.isatty():
            say("Read-only SQL on the lake; end a query with ; and leave with ctrl-d.")
        for query in _queries():
            try:
                _answer(door, query, as_csv=as_csv)
            except LakehouseError as error:
                fail(str(error))
                answered = False
    return answered


def tables_command(settings: Settings) -> None:
    """Print every table and view of the lake; the rows of tables are counted."""
    with open_lake(settings) as lake, lake.reader() as cursor:
        found = cursor.execute(
            "SELECT table_schema || '.' || table_name, count(column_name), any_value(table_type) "
            "FROM information_schema.tables LEFT JOIN information_schema.columns "
            "USING (table_catalog, table_schema, table_name) "
            "WHERE table_catalog = ? GROUP BY 1 ORDER BY 1",
            [CATALOG],
        ).fetchall()
        rows = []
        for name, columns, kind in found:
            counted = ""
            if kind == "BASE TABLE":  # asked of the catalog alone, as it knows deleted rows too
                count = fetch_value(cursor, f"SELECT count(*) FROM {qualified(name)}")
                counted = f"{count:,}"
            rows.append((name, counted, str(columns), "table" if counted else "view"))
    if not rows:
        say("the lake has no table yet; `lakehouse run` makes them")
        return
    Output().table(("table", "rows", "columns", "kind"), rows, right=(1, 2))


def maintain_command(settings: Settings, *, adopt: bool) -> None:
    """Do the housekeeping and say what changed."""
    from datetime import UTC, datetime

    from lakehouse.lake.maintenance import describe_unknown, maintain
    from lakehouse.orchestration.runs.instance import open_instance
    from lakehouse.orchestration.runs.launcher import end_killed_runs
    from lakehouse.orchestration.runs.pruning import prune_runs

    with open_lake(settings, read_only=False) as lake:
        done = maintain(lake, adopt=adopt)
    with open_instance(settings) as instance:
        end_killed_runs(instance)
        runs = prune_runs(instance, settings, datetime.now(UTC))
    say(
        f"snapshots {done.before.snapshots} -> {done.after.snapshots}, "
        f"files {done.before.files} -> {done.after.files}, "
        f"{done.before.bytes / 1e6:.1f} -> {done.after.bytes / 1e6:.1f} MB, "
        f"{done.files_deleted} unused files deleted, {runs} runs deleted from the history"
    )
    if unknown := describe_unknown(done):
        warn(f"warning: {unknown}")


def _queries() -> Iterator[str]:
    """What is typed or piped in, query by query; the last one may lack its semicolon."""
    query = ""
    asks = sys.stdin.isatty()
    while True:
        try:
            query += input(("....> " if query else "lake> ") if asks else "") + "\n"
        except (EOFError, KeyboardInterrupt) as end:
            if asks:
                say()
            if query.strip() and isinstance(end, EOFError):
                yield query
            return
        if not query.strip():
            query = ""
        elif query.rstrip().endswith(";"):
            yield query
            query = ""


def _answer(door: Door, query: str, *, as_csv: bool) -> None:
    answer = door.ask(query)
    if as_csv:
        Output().csv(answer.columns, answer.rows())
        return
    rows = answer.first(SHOWN_ROWS + 1)
    if answer.columns == PLAN:
        for line in "\n".join(plan for _, plan in rows).splitlines():
            say(line)
        return
    Output().table(answer.columns, [list(map(_shown, row)) for row in rows[:SHOWN_ROWS]])
    if len(rows) > SHOWN_ROWS:
        say(f"(the first {SHOWN_ROWS} rows; --csv prints all)")


def _shown(value: Any) -> str:
    return "" if value is None else str(value)

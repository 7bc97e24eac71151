"""The figures of all peers as tables on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

COLUMNS = {
    "seconds": "{:,.1f}",
    "cpu": "{:,.1f}",
    "peak_mb": "{:,.0f}",
    "rows_per_second": "{:,.0f}",
    "ap": "{:.4f}",
    "auc": "{:.4f}",
}
"""Figures that are shown, if a task has them."""


def rows_of(task: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a task's table: one row a peer; a reason takes the last column."""
    shown = [name for name in COLUMNS if any(name in one for one in task.values())]
    rows = []
    for peer, one in task.items():
        cells = [COLUMNS[name].format(one[name]) if name in one else "" for name in shown]
        last = one.get("not_measured") or one.get("values", {}).get("verdict", "")
        rows.append([peer, *cells, last])
    return ["peer", *shown, "values"], rows


def print_tables(figures: Mapping[str, Any]) -> None:
    """One table a task."""
    console = Console()
    for part, tasks in figures.items():
        if part == "requirements":
            continue
        for name, task in tasks.items():
            header, rows = rows_of(task)
            table = Table(title=f"{part}: {name}", title_justify="left", header_style="bold")
            for column in header:
                table.add_column(
                    column, justify="left" if column in ("peer", "values") else "right"
                )
            for row in rows:
                # a reason may have brackets, which are no markup
                table.add_row(*map(Text, row))
            console.print(table)

"""`lakehouse benchmark handbook`: our rows under the published ones, and where the time went."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lakehouse.benchmarks.handbook.benchmark import PUBLISHED, Result, run
from lakehouse.benchmarks.handbook.judge import FIGURES, Row


def handbook_command(
    folder: Path,
    *,
    json_file: Path | None,
    predictions: Path | None,
    keep: Path | None,
    prequential: bool,
) -> None:
    """Run the benchmark, print the tables, write what was asked for."""
    result = run(
        folder, keep, tell=lambda text: click.echo(f"  {text}", err=True), prequential=prequential
    )
    _print(result)
    if json_file:
        json_file.write_text(json.dumps([asdict(row) for row in result.rows], indent=2) + "\n")
    if predictions:
        result.predictions.to_parquet(predictions, index=False)


def _print(result: Result) -> None:
    console = Console()
    for protocol in dict.fromkeys(row.protocol for row in result.rows):
        console.print(_table(protocol, [row for row in result.rows if row.protocol == protocol]))
    console.print(_recall(result.rows))
    spent = Table("where the time went", "seconds", box=None, header_style="bold")
    spent.columns[1].justify = "right"
    for layer, seconds in sorted(result.seconds.items(), key=lambda item: -item[1]):
        spent.add_row(layer, f"{seconds:.1f}")
    console.print(spent)


def _table(protocol: str, rows: Sequence[Row]) -> Table:
    one = rows[0]
    kind = f", mean and deviation of {one.folds} folds" if one.folds > 1 else ""
    table = Table(
        title=f"Handbook, {protocol}: {one.test_rows:,} test transactions, "
        f"{one.test_frauds:,} frauds{kind}",
        box=None,
        pad_edge=False,
    )
    for name in ("model", "days", "AUC ROC", "AP", "CP@100", "oracle"):
        table.add_column(name, justify="left" if name == "model" else "right", no_wrap=True)
    table.add_row("[italic]published[/]")
    for of, model, *figures in PUBLISHED:
        if of == protocol:
            table.add_row(model, "7", *map(_short, figures))
    # features that know the book's own constants are told apart
    for features in sorted({row.features for row in rows}, reverse=True):
        table.add_row()
        table.add_row(f"[italic]ours, {features} features[/]")
        for row in rows:
            if row.features == features:
                shown = [_figure(row, name) for name in FIGURES]
                table.add_row(row.model, str(row.training_days), *shown, f"{row.oracle_share:.1%}")
    return table


def _figure(row: Row, name: str) -> str:
    deviation = f" ±{_short(row.deviation[name])}" if row.deviation else ""
    return _short(getattr(row, name)) + deviation


def _short(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


def _recall(rows: Sequence[Row]) -> Table:
    kinds = sorted({kind for row in rows for kind in row.recall})
    table = Table(title="Recall by kind of fraud, at 100 cards a day", box=None, pad_edge=False)
    for name in ("protocol", "model", *kinds):
        table.add_column(name, justify="right" if name in kinds else "left", no_wrap=True)
    for row in rows:
        table.add_row(
            row.protocol, row.model, *(f"{row.recall.get(kind, 0):.1%}" for kind in kinds)
        )
    return table

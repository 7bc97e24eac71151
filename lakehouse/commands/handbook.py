"""`lakehouse benchmark handbook`: our rows under the published table, and where the time went."""

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lakehouse.benchmarks.handbook.benchmark import PUBLISHED, Result, run


def handbook_command(
    folder: Path, *, json_file: Path | None, predictions: Path | None, keep: Path | None
) -> None:
    """Run the benchmark, print the table, write what was asked for."""
    result = run(folder, keep, tell=lambda text: click.echo(f"  {text}", err=True))
    _print(result)
    if json_file:
        json_file.write_text(json.dumps([asdict(row) for row in result.rows], indent=2) + "\n")
    if predictions:
        result.predictions.to_parquet(predictions, index=False)


def _print(result: Result) -> None:
    console = Console()
    table = Table(title="Handbook, chapter 3: 58,264 test transactions, 385 frauds")
    for name in ("model", "trained on", "AUC ROC", "AP", "CP@100"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for model, *figures in PUBLISHED:
        table.add_row(f"{model} (published)", "7 days", *(f"{figure:.3f}" for figure in figures))
    table.add_section()
    for row in result.rows:
        figures = [row.auc_roc, row.average_precision, row.card_precision_100]
        table.add_row(row.model, f"{row.training_days} days", *(f"{f:.3f}" for f in figures))
    console.print(table)
    first = result.rows[0]
    console.print(f"tested on {first.test_rows:,} transactions, {first.test_frauds} frauds")
    spent = Table("where the time went", "seconds", box=None, header_style="bold")
    spent.columns[1].justify = "right"
    for layer, seconds in sorted(result.seconds.items(), key=lambda item: -item[1]):
        spent.add_row(layer, f"{seconds:.1f}")
    console.print(spent)

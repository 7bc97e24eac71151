"""`lakehouse benchmark handbook`: our results next to the published ones, and run times."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples
from lakehouse.cli.output import Output, Printable, Toned

if TYPE_CHECKING:
    from lakehouse.benchmarks.handbook.benchmark import Result
    from lakehouse.benchmarks.handbook.evaluation import Row


@click.command(
    "handbook",
    epilog=examples("lakehouse benchmark handbook --from data/handbook --json rows.json"),
)
@click.option(
    "--from",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the handbook's files, tx_date=YYYY-MM-DD.parquet.",
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the rows to this file."
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    help="Write the scored test rows to this Parquet file.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="Keep the lake in this folder; otherwise it is deleted.",
)
@click.option(
    "--prequential/--no-prequential",
    default=True,
    show_default=True,
    help="Also run chapter 5: three more weeks arrive one by one; train and test on each.",
)
def command(
    folder: Path,
    json_file: Path | None,
    predictions: Path | None,
    keep: Path | None,
    prequential: bool,
) -> None:
    """Run the pipeline on the fraud detection handbook's data.

    Follows the protocols of its chapters 3 and 5, and prints our figures below the published ones.
    """
    from lakehouse.benchmarks.handbook.benchmark import run

    progress = Output(sys.stderr)
    result = run(
        folder,
        keep,
        on_progress=lambda text: progress.print_line(f"  {text}"),
        prequential=prequential,
    )
    _print(result)
    if json_file:
        json_file.write_text(json.dumps([asdict(row) for row in result.rows], indent=2) + "\n")
    if predictions:
        result.predictions.to_parquet(predictions, index=False)


def _print(result: "Result") -> None:
    output = Output()
    for protocol in dict.fromkeys(row.protocol for row in result.rows):
        _figures(output, protocol, [row for row in result.rows if row.protocol == protocol])
    _recall(output, result.rows)
    output.table(
        ("stage", "wall seconds"),
        [(stage, f"{seconds:.1f}") for stage, seconds in result.wall.items()],
        right=(1,),
    )
    steps = sorted(result.steps.items(), key=lambda item: -item[1])
    output.table(
        ("steps of the graph by layer", "seconds"),
        [(layer, f"{seconds:.1f}") for layer, seconds in steps],
        right=(1,),
        title="Steps only, without Dagster's time between them",
    )


def _figures(output: Output, protocol: str, rows: "Sequence[Row]") -> None:
    from lakehouse.benchmarks.handbook.benchmark import PUBLISHED
    from lakehouse.benchmarks.handbook.evaluation import FIGURES

    one = rows[0]
    kind = f", mean and deviation of {one.folds} folds" if one.folds > 1 else ""
    head = ("model", "days", "AUC ROC", "AP", "CP@100", "oracle", "observed/expected")
    lines: list[Sequence[Printable]] = [(Toned("published", "strong"),)]
    for of, model, *figures in PUBLISHED:
        if of == protocol:
            lines.append((model, "7", *map(_short, figures)))
    # list features that use the book's own constants separately
    for features in sorted({row.features for row in rows}, reverse=True):
        lines += [(), (Toned(f"ours, {features} features", "strong"),)]
        for row in rows:
            if row.features == features:
                shown = [_figure(row, name) for name in FIGURES]
                days, share = str(row.training_days), f"{row.oracle_share:.1%}"
                calibrated = f"{row.observed_over_expected:.3f}"
                lines.append((row.model, days, *shown, share, calibrated))
    output.table(
        head,
        lines,
        right=range(1, len(head)),
        title=f"Handbook, {protocol}: {one.test_rows:,} test transactions, "
        f"{one.test_frauds:,} frauds{kind}",
    )


def _figure(row: "Row", name: str) -> str:
    deviation = f" ±{_short(row.deviation[name])}" if row.deviation else ""
    return _short(getattr(row, name)) + deviation


def _short(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


def _recall(output: Output, rows: "Sequence[Row]") -> None:
    kinds = sorted({kind for row in rows for kind in row.recall})
    output.table(
        ("protocol", "model", *kinds),
        [
            (row.protocol, row.model, *(f"{row.recall.get(kind, 0):.1%}" for kind in kinds))
            for row in rows
        ],
        right=range(2, 2 + len(kinds)),
        title="Recall by kind of fraud, at 100 cards a day",
    )

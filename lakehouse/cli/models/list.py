"""`lakehouse models list`: every version with its state, metric and gates."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from lakehouse.cli.models.states import toned_state
from lakehouse.cli.options import as_json, examples, pass_settings
from lakehouse.cli.output import Output, Printable, Toned, print_line

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command("list", epilog=examples("lakehouse models list"))
@as_json
@pass_settings
def command(settings: "Settings", as_json: bool) -> None:
    """List every version of every model.

    Prints its state, its primary metric on the test period with an interval, and its gates.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.registry import list_models
    from lakehouse.training.summary import summarize_versions

    with open_lake(settings) as lake:
        rows = [row for model in list_models(lake) for row in summarize_versions(lake, model)]
    if as_json:
        Output().json(rows)
        return
    if not rows:
        print_line("no model has been trained yet; `lakehouse run` trains the declared models")
        return
    Output().table(
        ("model", "version", "state", "created", "on test", "gates"),
        [
            (
                row["model"],
                row["version"],
                toned_state(row["state"]),
                f"{row['created_at']:%Y-%m-%d %H:%M}",
                _metric(row),
                _gates(row["gates"], row["gates_failed"]),
            )
            for row in rows
        ],
    )


def _gates(count: int, failed: Sequence[str]) -> Printable:
    return Toned(f"failed: {', '.join(failed)}", "bad") if failed else f"{count} passed"


def _metric(row: Mapping[str, Any]) -> str:
    """`average_precision 0.512 [0.48, 0.55]`, or the parts that are known."""
    if not row["metric"] or row["value"] is None:
        return ""
    interval = f" [{row['low']:.3f}, {row['high']:.3f}]" if row["low"] is not None else ""
    return f"{row['metric']} {row['value']:.3f}{interval}"

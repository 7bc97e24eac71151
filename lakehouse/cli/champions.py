"""Lines about the champions, for the commands that print them last."""

from collections.abc import Sequence
from typing import Any

from lakehouse.cli.output import Output, Toned

HEADLINE_METRICS = (
    "average_precision",
    "auc_roc",
    "precision_at_capacity",
    "mae",
    "better_than_naive",
    "macro_f1",
    "accuracy",
)
"""The test-period metrics of a summary, in order of preference, at most three."""


def print_champions(output: Output, champions: Sequence[dict[str, Any]]) -> None:
    """Print a line for each champion with its most informative metrics."""
    if not champions:
        return
    rows = []
    for champion in champions:
        metrics = champion["metrics"]
        shown = [f"{m} {metrics[m]:.3f}" for m in HEADLINE_METRICS if metrics.get(m) is not None][
            :3
        ]
        version = champion["version"] or Toned("none", "warn")
        rows.append((champion["model"], version, ", ".join(shown)))
    output.print_line()
    output.table(("champion", "version", "on the test period"), rows)


def print_model_lines(output: Output, models: Sequence[dict[str, Any]]) -> None:
    """Print for each model: its shadow version, the requests, and the last action."""
    for model in models:
        lines = [
            f"{version} is a shadow: it scores but does not decide" for version in model["shadows"]
        ]
        if model["expired"]:
            lines.insert(0, model["expired"])
        if model["fallback"]:
            lines.insert(0, f"no version decides: the fallback ({model['fallback']}) scores")
        if request := model["retrain_asked_for"]:
            lines.append(
                f"a retrain was requested on {request['asked_at']:%Y-%m-%d}: {request['reason']}"
            )
        for action in model["last_actions"]:
            done = action["outcome"] if action["done"] else f"not done: {action['outcome']}"
            text = f"{action['action']} {action['version']}: {action['why']}; {done}"
            lines.append(f"{action['taken_at']:%Y-%m-%d %H:%M} {text}")
        for line in lines:
            output.print_line(f"{model['model']}: {line}")

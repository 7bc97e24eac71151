"""`lakehouse models compare`: two versions compared on the same rows, with intervals."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import as_json, examples, pass_settings
from lakehouse.cli.output import Output

if TYPE_CHECKING:
    from lakehouse.evaluation.document import Interval
    from lakehouse.settings import Settings


@click.command(
    "compare", epilog=examples("lakehouse models compare fraud_detector v0004 v0003 --json")
)
@click.argument("name")
@click.argument("first")
@click.argument("second")
@as_json
@pass_settings
def command(settings: "Settings", name: str, first: str, second: str, as_json: bool) -> None:
    """Compare two versions of the model NAME on the same rows.

    Prints the difference FIRST minus SECOND in each metric, with an interval. Compares on matured
    predictions if both versions have logged the same rows, otherwise on test rows.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.evaluation.metrics import ordered_metrics
    from lakehouse.models.declared import find_model
    from lakehouse.monitoring.matured_pair import load_matured_pair
    from lakehouse.registry.abbreviation import find_version
    from lakehouse.training.tested_pair import load_tested_pair

    spec = find_model(settings.project, name)
    with open_lake(settings) as lake:
        one, other = find_version(lake, name, first), find_version(lake, name, second)
        pair = load_matured_pair(lake, spec, one, other) or load_tested_pair(lake, spec, one, other)
    found = pair.compare(
        ordered_metrics(spec.task.name),
        against="champion" if other.state == "champion" else "last",
        version=other.version,
        minimum_positives=spec.shadow.min_positives,
        repeats=spec.judging.repeats,
        seed=spec.seed,
    )
    output = Output()
    if as_json:
        comparisons = [c.model_dump(mode="json", exclude={"against"}) for c in found]
        versions = {"first": one.version, "second": other.version}
        output.json({"model": name, **versions, "rows": pair.rows, "comparisons": comparisons})
        return
    output.print_line(f"{one.version} against {other.version} on {pair.rows}")
    output.table(
        ("metric", one.version, other.version, "difference", "verdict"),
        [
            (c.metric, _number(c.ours), _number(c.theirs), _difference(c.difference), c.verdict)
            for c in found
        ],
    )


def _difference(found: "Interval | None") -> str:
    if found is None:
        return "unknown"
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"

"""A version in a dozen lines of Markdown, for the metadata in the UI."""

from lakehouse.evaluation.metrics import ALERTS_PER
from lakehouse.evaluation.report.formatting import bounds, day, metric_name, number
from lakehouse.evaluation.report.page import SIGNS
from lakehouse.lake import Lake
from lakehouse.markdown import escape, table
from lakehouse.models.spec import ModelSpec
from lakehouse.registry import Version
from lakehouse.training.report.gathering import ReportData, gather
from lakehouse.training.report.verdicts import badges

_SHOWN = 4


def summarize(gathered: ReportData) -> str:
    """Verdicts, the first metrics with their intervals and baselines, and the expiry date."""
    spec, figures = gathered.spec, gathered.evaluation
    test = figures.metrics.get("test", {})
    verdicts = " · ".join(
        f"{badge.name}: {SIGNS[badge.tone]} {badge.verdict}".replace(":  ", ": ")
        for badge in badges(gathered)
    )
    shown = [spec.primary_metric]
    shown += [gate.metric for gate in spec.gates] + [*test]
    hidden = ("baseline_", "naive_", "confusion[", "rows", "positives")
    shown = [name for name in dict.fromkeys(shown) if name in test and not name.startswith(hidden)]
    rows = [
        (metric_name(name), number(test[name]), bounds(figures.intervals.get(name)))
        for name in shown[:_SHOWN]
    ]
    lines = [
        f"**{escape(f'{spec.name} {gathered.version.version}')}**",
        "",
        escape(verdicts),
        "",
        table(("test period", "value", "95 % interval"), rows, right=(1,)),
        "",
        f"{number(test.get('rows'))} test rows"
        + (f", {number(test['positives'])} positive" if "positives" in test else "")
        + _alerts(gathered)
        + f"; use until {day(gathered.expires)}",
    ]
    return "\n".join(lines)


def _alerts(gathered: ReportData) -> str:
    """Alerts a day (week) at the version's threshold, compared with the capacity."""
    capacity = gathered.spec.capacity
    if capacity is None:
        return ""
    alerts = gathered.evaluation.metrics.get("test", {}).get(ALERTS_PER[capacity.per])
    if alerts is None:
        return ""
    off = alerts / capacity.alerts - 1
    way = "above" if off > 0 else "below"
    return (
        f"; {alerts:,.4g} alerts {capacity.period.rate}, {abs(off):.0%} {way} the capacity of "
        f"{capacity.alerts:,}"
    )


def report_summary(
    spec: ModelSpec, lake: Lake, version: Version, gathered: ReportData | None = None
) -> str:
    """`version` in a dozen lines of Markdown, from its current state.

    Raises:
        BadArtefact, TrainingError: when the artefact or the pinned rows no longer exist.
    """
    return summarize(gathered or gather(spec, lake, version))

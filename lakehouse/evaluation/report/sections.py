"""The sections of a report that need only an `Evaluation`. Each section states what is missing."""

from collections.abc import Mapping, Sequence
from datetime import date

from lakehouse.evaluation import plots
from lakehouse.evaluation.document import (
    Comparison,
    Evaluation,
    FairnessResult,
    Interval,
    Metrics,
    Probe,
)
from lakehouse.evaluation.report.formatting import (
    NOT_AVAILABLE,
    PERIODS,
    bounds,
    day,
    interval,
    metric_name,
    metric_note,
    number,
)
from lakehouse.evaluation.report.page import Block, Cell, Figure, Mark, Table, Text, Tone

_VERDICTS: dict[str, Tone] = {
    "better": "good",
    "worse": "bad",
    "no difference shown": "plain",
    "insufficient": "unsure",
    "within": "good",
    "not shown to exceed": "unsure",
    "exceeds": "bad",
}
_AGAINST = {
    "champion": "Champion",
    "last": "Last version",
    "baseline": "Trivial baseline",
    "logistic_regression": "Logistic regression",
}
_MAX_SEGMENTS = 12
_MAX_LABEL = 24


def tone_of(verdict: str) -> Tone:
    """The tone of a comparison's or a fairness verdict."""
    return _VERDICTS[verdict]


def rival_name(comparison: Comparison) -> str:
    """The name of the compared version; the linear challenger for regression is a ridge."""
    return "Ridge regression" if comparison.version == "ridge" else _AGAINST[comparison.against]


def metrics_table(
    metrics: Mapping[str, Metrics], intervals: Mapping[str, Interval | None], primary: str
) -> Table:
    """All metrics by period, with intervals and a trivial baseline on the same test rows."""
    periods = [period for period in PERIODS if period in metrics]
    names = dict.fromkeys(name for period in periods for name in metrics[period])
    shown = [name for name in names if not name.startswith(("baseline_", "naive_", "confusion["))]
    shown.sort(key=lambda name: (name != "rows", name != "positives", name != primary))
    test = metrics.get("test", {})
    rows = []
    for name in shown:
        note = metric_note(name)
        label = metric_name(name) + (f" ({note})" if note else "")
        values = [number(metrics[period].get(name)) for period in periods]
        rows.append((label, *values, bounds(intervals.get(name)), _baseline(test, name)))
    head = ("Metric", *(PERIODS[period] for period in periods), "Interval on test", "Baseline")
    return Table(head, tuple(rows))


def comparisons(found: Sequence[Comparison]) -> list[Block]:
    """Against the champion, the last version and simpler models, paired on the same test rows."""
    if not found:
        return [Text("No comparison is stored with this version.")]
    rows = tuple(
        (
            rival_name(one),
            one.version or NOT_AVAILABLE,
            metric_name(one.metric),
            Mark(one.verdict, tone_of(one.verdict)),
            number(one.ours),
            number(one.theirs),
            interval(one.difference),
        )
        for one in found
    )
    head = ("Against", "Version", "Metric", "Verdict", "This", "Other", "Difference")
    positives = found[0].positives
    counted = f"{found[0].rows:,} test rows" + (f", {positives:,} positive" if positives else "")
    return [
        Text(
            "Both models predict the same rows, and whole clusters are resampled in pairs: an "
            "interval that contains 0 shows no difference. The difference is this version's value "
            "minus the other's."
        ),
        Table(head, rows, counted, text_columns=4),
    ]


def weeks(evaluation: Evaluation) -> list[Block]:
    """Metrics by week."""
    if not evaluation.by_week:
        return [Text("No metrics by week are stored with this version.")]
    names = dict.fromkeys(name for week in evaluation.by_week for name in week.metrics)
    shown = [n for n in names if not n.startswith(("baseline_", "naive_", "confusion["))][:8]
    table = Table(
        ("Week beginning", *(metric_name(name) for name in shown)),
        tuple(
            (day(week.start), *(number(week.metrics.get(name)) for name in shown))
            for week in evaluation.by_week
        ),
        "Metrics of each week. Days are UTC; weeks before the test period are out of fold",
        folded=True,
    )
    return [table]


def weeks_picture(
    evaluation: Evaluation, metric: str, rows: Mapping[date, int], test_from: date
) -> plots.Picture | None:
    """A metric by week, with the number of `rows` of the week that begins on each day.

    Weeks before `test_from` are those of the folds.
    """
    if len(evaluation.by_week) < 2:
        return None
    points = [
        (week.start, week.metrics.get(metric), rows.get(week.start)) for week in evaluation.by_week
    ]
    return plots.weeks_plot(metric_name(metric), points, test_from)


def segments_pictures(evaluation: Evaluation, metric: str) -> dict[str, plots.Picture]:
    """By column, a metric's interval in each segment that determines it."""
    lines: dict[str, list[plots.Estimate | None]] = {}
    for one in evaluation.segments:
        found = one.metrics.get(metric)
        if found is not None and len(lines.setdefault(one.column, [])) < _MAX_SEGMENTS:
            label = _label(one.value, one.rows, one.positives)
            lines[one.column].append(plots.Estimate(label, found.value, found.low, found.high))
    test = evaluation.metrics.get("test", {})
    name, rows = metric_name(metric), int(test.get("rows") or 0)
    dotted = f"\n95 % intervals; dotted: all {rows:,} test rows"
    return {
        column: plots.interval_plot(
            f"{name} by {column.replace('_', ' ')}{dotted}", {name: estimates}, test.get(metric)
        )
        for column, estimates in lines.items()
        if estimates
    }


def segments(evaluation: Evaluation, pictures: tuple[plots.Picture, ...]) -> list[Block]:
    """Every segment with its rows and metrics."""
    if not evaluation.segments:
        return [Text("No segments are declared, or none are stored with this version.")]
    names = list(dict.fromkeys(name for one in evaluation.segments for name in one.metrics))
    table = Table(
        ("Segment", "Value", "Rows", "Positives", *(metric_name(name) for name in names)),
        tuple(
            (
                one.column,
                one.value,
                f"{one.rows:,}",
                f"{one.positives:,}",
                *(interval(one.metrics.get(name)) for name in names),
            )
            for one in evaluation.segments
        ),
        "Metrics of each segment (test rows); a dash means that there are too few positives",
        text_columns=2,
        folded=bool(pictures),
    )
    return [*([Figure(pictures)] if pictures else []), table]


def fairness_picture(result: FairnessResult) -> plots.Picture:
    """Selection rate, true and false positive rate of each group, with their intervals."""
    panels: dict[str, list[plots.Estimate | None]] = {}
    for unit, rate in (
        ("flagged", "selection_rate"),
        ("true positives", "tpr"),
        ("false positives", "fpr"),
    ):
        panels[unit] = []
        for group in result.groups:
            found = getattr(group, rate)
            label = _label(group.value, group.rows, group.positives)
            estimate = found and plots.Estimate(
                label, found.value, found.low, found.high, not group.counted
            )
            panels[unit].append(estimate)
    rows = sum(group.rows for group in result.groups)
    title = f"Rates by {result.column.replace('_', ' ')}, 95 % intervals, {rows:,} rows"
    if not all(group.counted for group in result.groups):
        title += "\nhollow: too few positives to compare"
    return plots.interval_plot(title, panels)


def fairness(results: Sequence[FairnessResult], pictures: tuple[plots.Picture, ...]) -> list[Block]:
    """Differences between the declared groups, and whether they exceed the limit."""
    if not results:
        return [Text("No groups are declared, or none are stored with this version.")]
    rows = tuple(
        (
            one.column.replace("_", " "),
            Mark(one.verdict, tone_of(one.verdict)),
            f"{sum(group.counted for group in one.groups)} of {len(one.groups)}",
            interval(one.equalized_odds_difference),
            interval(one.demographic_parity_difference),
            number(one.limit),
        )
        for one in results
    )
    head = ("Groups by", "Verdict", "Compared", "Equalized odds", "Demographic parity", "Limit")
    return [
        Text(
            "Equalized-odds difference: the larger of the gaps between groups in true and in false "
            "positive rate. Demographic-parity difference: the gap in the share of rows flagged. "
            "Only groups with enough positives are compared. Within: the whole interval of the "
            "equalized-odds difference is at or below the limit; exceeds: all of it is above; not "
            "shown to exceed: it contains the limit, and more rows are needed to decide. The ends "
            "allow for the largest of several gaps being large by chance."
        ),
        Table(head, rows, text_columns=2),
        Figure(pictures),
    ]


def probes(found: Sequence[Probe], gap: Mapping[str, float]) -> list[Block]:
    """Tests for leakage, and the gap between metrics on training and on unseen rows."""
    blocks: list[Block] = []
    if found:
        rows: list[tuple[Cell, ...]] = [
            (
                one.name.replace("_", " "),
                probe_mark(one),
                one.explanation,
                number(one.value),
                number(one.bound),
            )
            for one in found
        ]
        head = ("Probe", "Verdict", "What it means", "Value", "Bound")
        blocks.append(Table(head, tuple(rows), text_columns=3))
    else:
        blocks.append(Text("No leakage probes are stored with this version."))
    if gap:
        rows = [(metric_name(name), number(value)) for name, value in gap.items()]
        caption = (
            "Overfitting gap: how much better the metric is on training rows than on test rows"
        )
        blocks.append(Table(("Metric", "Gap"), tuple(rows), caption))
    return blocks


def probe_mark(probe: Probe) -> Mark:
    """Passed, failed, or undetermined."""
    if probe.value is None:
        return Mark("insufficient", "unsure")
    return Mark("passed", "good") if probe.passed else Mark("failed", "bad")


def calibration_facts(evaluation: Evaluation) -> list[Block]:
    """The calibration error without and with the calibrator, if both were computed."""
    found = evaluation.calibration
    if found is None:
        return []
    before, after = number(found.error_before), number(found.error_after)
    return [
        Text(
            f"Expected calibration error on test: {before} without the calibrator, {after} with it."
            " Observed positives over the sum of scores: "
            f"{interval(found.observed_over_expected)}; slope of outcomes on log odds: "
            f"{number(found.slope)} (both ideally 1)."
        )
    ]


def _baseline(test: Metrics, name: str) -> str:
    if f"baseline_{name}" in test:
        return number(test[f"baseline_{name}"])
    naive = [
        value
        for key, value in test.items()
        if key.startswith("naive_") and key.endswith(f"_{name}") and value is not None
    ]
    return number(min(naive)) if naive else ""


def _label(value: str, rows: int, positives: int) -> str:
    """A line's label: long names are cut here and complete in the table."""
    name = value if len(value) <= _MAX_LABEL else f"{value[: _MAX_LABEL - 1]}…"
    counted = f"{rows:,} rows" + (f", {positives:,} pos." if positives else "")
    return f"{name}\n{counted}"

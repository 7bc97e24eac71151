"""Review of the deployed versions on matured labels, in one commit; idempotent.

The counterpart of `look/step.py`, which needs no labels. `react/step.py` acts on the findings.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from lakehouse.evaluation.document import FairnessResult
from lakehouse.evaluation.fairness import compare_groups
from lakehouse.evaluation.predictions import Binary
from lakehouse.lake import (
    NO_PROGRESS,
    Author,
    Lake,
    Progress,
    layout,
    qualified,
    quote,
    read_progress,
    write_progress,
)
from lakehouse.models import ModelSpec, Split
from lakehouse.models.artefact import load_evaluation
from lakehouse.models.groups import group_values
from lakehouse.monitoring import tables
from lakehouse.monitoring.findings import (
    Finding,
    newest_findings,
    not_judged,
    replace_findings,
)
from lakehouse.monitoring.review.calibration import (
    calibration_finding,
    calibration_row,
    find_look_start,
    measure_calibration,
)
from lakehouse.monitoring.review.comparisons import ComparisonVerdict, last_looks, take_look
from lakehouse.monitoring.review.former import review_former
from lakehouse.monitoring.review.matured import MaturedRows, matured_rows, matured_until
from lakehouse.monitoring.review.performance import (
    DAY,
    EPOCH,
    JUDGED_WINDOW,
    WEEK,
    decay_finding,
    measure_decay,
    performance_rows,
)
from lakehouse.registry import Version, scoring_versions

CHECKS = ("calibration", "fairness", "matured_performance")
"""Names of the findings made here; `fairness` where groups are declared, `calibration` for
binary models."""


@dataclass(frozen=True)
class ReviewReport:
    """The outcome of a review: labels of days before `until` have all settled; `findings` are
    the newest of each name."""

    model: str
    champion: str
    until: date | None
    new_days: int
    compared: tuple[ComparisonVerdict, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _ReviewResult:
    """Everything that one review writes."""

    performance: list[dict[str, Any]]
    looks: list[dict[str, Any]]
    calibration: list[dict[str, Any]]
    fairness: list[dict[str, Any]]
    findings: list[Finding]


def review(
    spec: ModelSpec, lake: Lake, *, full_refresh: bool = False, run_id: str = ""
) -> ReviewReport:
    """Evaluate the champion and the shadow versions on the days that have matured since the last
    review.

    A version is evaluated from the end of its test period on, even if it has been replaced since.
    `full_refresh` evaluates all days of the champion again.

    Raises:
        NoChampion: when no version has been promoted.
        BadArtefact: when the champion's evaluation is missing.
    """
    with lake.reader() as reader:
        champion, *others = scoring_versions(reader, spec.name)
        name = layout.review_progress(spec.name, champion.version)
        before = NO_PROGRESS if full_refresh else read_progress(reader, name)
        until = matured_until(reader, spec)
        start = _tested_until(champion)
        first = max(start, before.seal.date()) if before.seal else start
        former = review_former(reader, spec, champion, until)
        due = until is not None and until > first
        if until is None or not (due or former.progress):
            return _report(reader, spec, champion, others, until, 0)
        found = _ReviewResult([], [], [], [], [])
        if due:
            found = _review(reader, spec, lake, champion, others, first, until)
    author = Author(
        layout.MONITORING.table(spec.name), run_id, f"labels up to {until} have settled"
    )
    with lake.writer(author) as writer:
        replaced = ("version", "role", "period", "start")
        _replace(writer, layout.PERFORMANCE, found.performance + former.performance, replaced)
        former.write_progress(writer)
        _replace(writer, layout.COMPARISONS, found.looks, ("champion", "version", "day"))
        _replace(writer, layout.CALIBRATION, found.calibration, ("version", "day"))
        _replace(writer, layout.FAIRNESS, found.fairness, ("version", "day"))
        replace_findings(writer, spec.name, champion.version, found.findings, run_id)
        if due:
            midnight = datetime.combine(until, datetime.min.time())
            write_progress(writer, name, Progress(before.load_id, midnight))
    days = (until - first).days if due else 0
    with lake.reader() as reader:
        return _report(reader, spec, champion, others, until, days)


def _tested_until(version: Version) -> date:
    return Split.from_json(version.split).untested_from


def _review(
    reader: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    champion: Version,
    others: list[Version],
    first: date,
    until: date,
) -> _ReviewResult:
    last, judged_from = until - DAY, until - JUDGED_WINDOW
    week = first - WEEK  # a week that ends now has days that were reported before
    tested = _tested_until(champion)
    calibrated_from = find_look_start(tested, until)
    earliest = min(week, judged_from, calibrated_from)
    decided = matured_rows(reader, spec, champion.version, max(tested, earliest), until)
    performance = performance_rows(spec, champion.version, "champion", decided, first, until)
    looks = []
    for other in others:
        own = _tested_until(other)
        shadow_rows = matured_rows(
            reader, spec, other.version, max(own, week), until, in_shadow=True
        )
        role = "shadow" if other.state == "shadow" else "predecessor"
        performance += performance_rows(
            spec, other.version, role, shadow_rows, max(own, first), until
        )
        found = take_look(reader, spec, champion, other, until)
        looks += [found] if found else []
    judged = decided.take(decided.day >= (judged_from - EPOCH).days)
    decay = measure_decay(spec, load_evaluation(lake.settings.models_dir, champion), judged)
    groups = _fairness(reader, spec, judged)
    findings = [decay_finding(spec, decay, last)]
    calibrated = measure_calibration(
        spec, decided.take(decided.day >= (calibrated_from - EPOCH).days)
    )
    calibration = []
    if calibrated is not None:
        findings.append(calibration_finding(spec, calibrated, last))
        row = calibration_row(spec, champion.version, last, calibrated, findings[-1])
        calibration.append(row)
    if spec.fairness is not None:
        findings.append(_fairness_finding(spec.fairness.limit, groups, last))
    shared = {"model": spec.name, "version": champion.version, "day": last}
    shared |= {"rows": judged.predictions.rows, "positives": judged.predictions.positives}
    fairness_rows = [shared | _fairness_row(one) for one in groups]
    return _ReviewResult(performance, looks, calibration, fairness_rows, findings)


def _fairness(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, rows: MaturedRows
) -> list[FairnessResult]:
    """Each declared grouping on the matured rows, by the decisions that were made."""
    predictions = rows.predictions
    if (
        spec.fairness is None
        or not isinstance(predictions, Binary)
        or predictions.flagged is None
        or not predictions.rows
    ):
        return []
    key = spec.spine.key
    cursor.register("judged_keys", pa.table({"key": rows.key}))
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE judged AS SELECT s.* FROM {qualified(spec.spine.table)} s "
        f"SEMI JOIN judged_keys k ON k.key = s.{quote(key)}"
    )
    cursor.unregister("judged_keys")
    values = group_values(
        cursor, spec.fairness.groups, "judged", key=key, spine_key=key, time=spec.spine.time
    )
    resampling = rows.resampling(spec)
    return [
        compare_groups(
            name,
            group,
            predictions.truth,
            predictions.flagged,
            resampling,
            limit=spec.fairness.limit,
            minimum_positives=spec.fairness.min_positives,
        )
        for name, group in values.items()
    ]


def _fairness_finding(limit: float, groups: list[FairnessResult], day: date) -> Finding:
    """The finding on the grouping with the highest lower end: it fails if that exceeds the
    limit."""
    differences = [(g.equalized_odds_difference, g.column) for g in groups]
    measured = [(found, column) for found, column in differences if found is not None]
    if not measured:
        return not_judged("fairness", day, "no grouping has two groups with enough positives")
    worst, column = max(measured, key=lambda one: one[0].low)
    if worst.low <= limit:
        return Finding("fairness", day, True, worst.low, limit)
    return Finding(
        name="fairness",
        day=day,
        passed=False,
        value=worst.low,
        bound=limit,
        cause=f"rates by {column} differ by {worst.value:.2f} ({worst.level:.0%} interval "
        f"{worst.low:.2f} to {worst.high:.2f}), significantly more than {limit:g}",
        remedy=f"see {layout.FAIRNESS} and the report's groups by {column}: look for "
        "information on one group that the model lacks, or set a threshold for each group",
    )


def _fairness_row(found: FairnessResult) -> dict[str, Any]:
    difference = found.equalized_odds_difference
    return {
        "grouped_by": found.column,
        "difference": difference.value if difference else None,
        "low": difference.low if difference else None,
        "high": difference.high if difference else None,
        "bound": found.limit,
        "verdict": found.verdict,
    }


def _replace(
    writer: duckdb.DuckDBPyConnection,
    table: str,
    rows: list[dict[str, Any]],
    key: tuple[str, ...],
) -> None:
    """Replace the rows of the same model and `key` with `rows`."""
    if not rows:
        return
    tables.create(writer, table)
    names = ("model", *key)
    writer.register("replaced", pa.table({name: [row[name] for row in rows] for name in names}))
    listed = ", ".join(map(quote, names))
    writer.execute(
        f"DELETE FROM {qualified(table)} WHERE ({listed}) IN (SELECT ({listed}) FROM replaced)"
    )
    writer.unregister("replaced")
    tables.insert(writer, table, rows)


def _report(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Version,
    others: list[Version],
    until: date | None,
    days: int,
) -> ReviewReport:
    kept = newest_findings(cursor, spec.name, champion.version)
    return ReviewReport(
        model=spec.name,
        champion=champion.version,
        until=until,
        new_days=days,
        compared=last_looks(cursor, spec, champion, others, until) if until else (),
        findings=tuple(one for one in kept if one.name in CHECKS),
    )

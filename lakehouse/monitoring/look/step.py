"""Monitoring of all rows scored since the last look, in one commit; idempotent.

Drift and volume cover whole days, the fast path and the estimate every row. `review` covers matured
performance, fairness and comparisons; `react` acts on the findings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from lakehouse.errors import LakehouseError
from lakehouse.lake import (
    NO_PROGRESS,
    Author,
    Lake,
    LakeError,
    Progress,
    fetch_value,
    is_retryable,
    layout,
    qualified,
    read_progress,
    write_progress,
)
from lakehouse.models import ModelSpec, Split, load_model
from lakehouse.models.schema import FeatureSchema
from lakehouse.monitoring import tables
from lakehouse.monitoring.findings import Finding, newest_findings, replace_findings
from lakehouse.monitoring.look.capacity import capacity_findings
from lakehouse.monitoring.look.drift import (
    DAY,
    TABLES,
    Days,
    compare,
    count_days,
    drift_findings,
    earlier_days,
    window_days,
)
from lakehouse.monitoring.look.expectation import estimate, first_new_day
from lakehouse.monitoring.look.fast_path import check_schema, check_scores
from lakehouse.monitoring.look.reference import (
    Part,
    Reference,
    compute_reference,
    read_reference,
    write_reference,
)
from lakehouse.monitoring.look.volume import count_spine, judge_volume, volume_findings
from lakehouse.monitoring.progress import former_champions
from lakehouse.registry import Version
from lakehouse.registry.promotion import champion_in
from lakehouse.registry.versions import lake_time

INSTANT = timedelta(microseconds=1)
CHECKS = (
    "alert_volume",
    "alerts_at_capacity",
    "feature_drift",
    "features_as_trained",
    "missing_values",
    "score_drift",
    "score_jump",
    "scores_valid",
    "scores_vary",
    "unseen_categories",
    "volume",
)
"""Names of the findings made here; those on alerts are for binary models."""


@dataclass(frozen=True)
class WatchReport:
    """The outcome of one look.

    `days` are the days with new drift and volume, `rows` the scored rows on them. `findings` has
    the newest verdict of each check, even where nothing was new. `former` are the looks at versions
    that decided about new rows and were replaced since; `unwatched` gives the reason, by version,
    why one of them could not be monitored.
    """

    model: str
    version: str
    days: tuple[date, ...]
    rows: int
    findings: tuple[Finding, ...]
    former: tuple["WatchReport", ...] = ()
    unwatched: Mapping[str, str] = field(default_factory=dict)


class ConcurrentMonitoring(LakeError):
    """Another process monitored the same rows at the same time."""


@dataclass(frozen=True)
class _LookResult:
    """Everything that one look writes."""

    version: str
    references: list[Reference] | None
    days: Days
    rows: int
    drift: dict[Part, list[dict[str, Any]]]
    volume: list[dict[str, Any]]
    estimated_from: date | None
    estimated: list[dict[str, Any]]
    findings: list[Finding]


def watch(
    spec: ModelSpec,
    lake: Lake,
    *,
    since: datetime | None = None,
    full_refresh: bool = False,
    run_id: str = "",
    now: datetime | None = None,
) -> WatchReport:
    """Monitor the rows scored since the last look, by the champion and by those it replaced.

    A version is monitored from the end of its test period on; its own bounds are made from earlier
    rows. `since` (naive UTC) or `full_refresh` repeat later days. A version that was replaced,
    perhaps because its files are missing, never stops a look at the champion.

    Raises:
        NoChampion: when no version has been promoted.
        BadArtefact, TrainingError: when the champion's files or training set are missing.
    """
    with lake.reader() as reader:
        version = champion_in(reader, spec.name)
        former = [one for one, _ in former_champions(reader, spec, version, layout.watch_progress)]
    from_day = date.min if full_refresh else since.date() if since else None
    looks: list[WatchReport] = []
    unwatched: dict[str, str] = {}
    for one in former:
        try:
            looks.append(_watch(spec, lake, one, None, run_id, now))
        except ConcurrentMonitoring:
            raise
        except (
            LakehouseError
        ) as error:  # its files or training set are missing; it no longer decides
            if is_retryable(error):
                raise
            unwatched[one.version] = str(error)
    own = _watch(spec, lake, version, from_day, run_id, now)
    return replace(own, former=tuple(looks), unwatched=unwatched)


def _watch(
    spec: ModelSpec,
    lake: Lake,
    version: Version,
    from_day: date | None,
    run_id: str,
    now: datetime | None,
) -> WatchReport:
    """One look at `version`, starting over from `from_day` if given."""
    with lake.reader() as reader:
        name = layout.watch_progress(spec.name, version.version)
        before = read_progress(reader, name)
        after = _find_target(reader, spec)
        kept = newest_findings(reader, spec.name, version.version)
        if after == NO_PROGRESS or (after == before and from_day is None):
            return WatchReport(spec.name, version.version, (), 0, _newest_by_name(kept))
        schema = load_model(lake.settings.models_dir, version.artefact, version.files).card.features
        schema_check = check_schema(reader, spec, schema, lake_time(now).date())
        if schema_check.failed:
            return WatchReport(spec.name, version.version, (), 0, (schema_check,))
        look = _look(reader, spec, lake, version, schema, before, after, from_day)
        look.findings.append(schema_check)
    message = f"monitor {len(look.days)} days of {version.version}"
    with lake.writer(Author(layout.MONITORING.table(spec.name), run_id, message)) as writer:
        if read_progress(writer, name) != before:
            raise ConcurrentMonitoring(
                f"another process monitored {spec.name} at the same time; run this again"
            )
        _write(writer, spec, look, run_id, lake_time(now))
        write_progress(writer, name, after)
    days = tuple(look.days.first + i * DAY for i in range(len(look.days)))
    findings = _newest_by_name([*kept, *look.findings])
    return WatchReport(spec.name, version.version, days, look.rows, findings)


def _find_target(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> Progress:
    """The last scored load, and the time up to which every row is scored: rows of a sealed day
    may wait."""
    scored = read_progress(cursor, spec.predictions_table)
    if scored == NO_PROGRESS:
        return NO_PROGRESS
    known_at = f"known_at) FROM {qualified(spec.spine.table)} WHERE _load_id"
    seal = scored.seal
    if seal is None:
        seal = fetch_value(cursor, f"SELECT max({known_at} <= ?", [scored.load_id])
    waiting = fetch_value(cursor, f"SELECT min({known_at} > ?", [scored.load_id])
    if seal is not None and waiting is not None:
        seal = min(seal, waiting - INSTANT)
    return Progress(scored.load_id, seal)


def _look(
    reader: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    version: Version,
    schema: FeatureSchema,
    before: Progress,
    after: Progress,
    from_day: date | None,
) -> _LookResult:
    kept = read_reference(reader, spec, version.version)
    references = kept or compute_reference(reader, spec, lake, version)
    start = Split.from_json(version.split).untested_from
    days = _days_to_watch(start, before, after, from_day)
    counts = count_days(reader, spec, schema, version.version, references, days)
    lead = Days(days.first - (window_days(spec) - 1) * DAY, days.first)
    earlier = earlier_days(reader, spec, version.version, references, lead)
    parts = [one.part for one in references]
    drift: dict[Part, list[dict[str, Any]]] = {"feature": [], "output": []}
    for one in references:
        key = (one.part, one.name)
        drift[one.part] += compare(
            spec,
            version.version,
            one,
            earlier[key],
            counts[key],
            days,
            start,
            parts.count(one.part),
        )
    volumes = judge_volume(count_spine(reader, spec, days), days, spec.watch.volume)
    after_load = min(before.load_id, after.load_id - 1)
    estimated_from = first_new_day(reader, spec, version.version, after_load)
    if from_day is not None:
        estimated_from = min(from_day, estimated_from or from_day)
    return _LookResult(
        version=version.version,
        references=None if kept else references,
        days=days,
        rows=int(next(c.sum() for (part, _), c in counts.items() if part == "feature")),
        drift=drift,
        volume=[{"model": spec.name, **vars(one)} for one in volumes],
        estimated_from=estimated_from,
        estimated=estimate(reader, spec, version.version, estimated_from) if estimated_from else [],
        findings=[
            *drift_findings(drift, days),
            *volume_findings(spec, volumes),
            *check_scores(reader, spec, version.version, references, after_load),
            *capacity_findings(reader, spec, version.version, days),
        ],
    )


def _days_to_watch(start: date, before: Progress, after: Progress, from_day: date | None) -> Days:
    """The whole days that are new, or from `from_day` on, none before `start`."""
    until = (after.seal + INSTANT).date() if after.seal else start
    first = (before.seal + INSTANT).date() if before.seal else start
    first = max(start, first if from_day is None else min(first, from_day))
    return Days(first, max(first, until))


def _write(
    writer: duckdb.DuckDBPyConnection, spec: ModelSpec, look: _LookResult, run_id: str, at: datetime
) -> None:
    tables.create_all(writer)
    if look.references is not None:
        write_reference(writer, spec, look.version, look.references, at)
    by_version = {"model": spec.name, "version": look.version}
    for part, table in TABLES.items():
        _replace(writer, table, by_version, look.days.first, look.drift[part])
    _replace(writer, layout.VOLUME, {"model": spec.name}, look.days.first, look.volume)
    if look.estimated_from is not None:
        _replace(writer, layout.ESTIMATED, by_version, look.estimated_from, look.estimated)
    replace_findings(writer, spec.name, look.version, look.findings, run_id)


def _replace(
    writer: duckdb.DuckDBPyConnection,
    table: str,
    key: dict[str, str],
    first: date,
    rows: list[dict[str, Any]],
) -> None:
    """Replace the table's rows from day `first` on with `rows`."""
    tables.create(writer, table)
    same = " AND ".join(f"{name} = ?" for name in key)
    writer.execute(
        f"DELETE FROM {qualified(table)} WHERE {same} AND day >= ?", [*key.values(), first]
    )
    tables.insert(writer, table, rows)


def _newest_by_name(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The newest finding of each check made here, by name; of one day the last in order."""
    newest: dict[str, Finding] = {}
    for one in sorted(findings, key=lambda finding: finding.day):
        newest[one.name] = one
    return tuple(newest[name] for name in CHECKS if name in newest)

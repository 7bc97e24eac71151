"""A source as two assets of one step: its landed files and its raw table, with their checks."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from lakehouse.orchestration.components.base import SpecComponent
from lakehouse.orchestration.metadata import ROWS_WRITTEN, sealed
from lakehouse.orchestration.policies import AllowedAge, freshness_of
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.runs.retries import retried
from lakehouse.orchestration.table_metadata import table_metadata
from lakehouse.sources import LoadReport, SourceSpec, extract, load
from lakehouse.sources.landing import Landing
from lakehouse.sources.rebuilding import needs_rebuild, rebuild
from lakehouse.sources.undecided import A_FEW, FLOOD, Undecided, find_undecided, in_words

SHOWN = 5
"""So many undecided files are named in a check; `lakehouse quarantine list` names all."""
DAY = timedelta(days=1)
DEFAULT_AGE = timedelta(days=2)


class Source(SpecComponent):
    """Data from outside: extracted into the landing zone, checked, and loaded into raw."""

    spec_class = SourceSpec
    spec: SourceSpec

    def definitions(self) -> dg.Definitions:
        """The step and its checks."""
        return dg.Definitions(assets=[_refresh(self.spec)])


def _refresh(spec: SourceSpec) -> dg.AssetsDefinition:
    landing, raw = dg.AssetKey(["landing", spec.name]), dg.AssetKey(["raw", spec.name])
    policy = freshness_of(spec.freshness)

    @dg.multi_asset(
        name=f"source_{spec.name}",
        specs=[
            dg.AssetSpec(
                landing,
                description=f"{spec.description}\n\nComplete, immutable files as they were given.",
                group_name="landing",
                kinds={spec.connector.kind},
                owners=spec.owners,
                tags=spec.tags,
                freshness_policy=policy,
            ),
            dg.AssetSpec(
                raw,
                deps=[landing],
                description=f"{spec.description}\n\nEach row once, checked against the contract.",
                group_name="raw",
                kinds={"python", "duckdb"},
                owners=spec.owners,
                tags=spec.tags,
                freshness_policy=policy,
            ),
        ],
        check_specs=[
            *(
                [
                    dg.AssetCheckSpec(
                        "private",
                        asset=landing,
                        description="Nobody but their owner may read the landed files, which hold "
                        "personal data.",
                    )
                ]
                if spec.contract.personal
                else []
            ),
            dg.AssetCheckSpec(
                "contract",
                asset=raw,
                blocking=True,
                description=f"Of each load at most {FLOOD:.0%} of the rows, or {A_FEW}, break the "
                "contract undecided, whichever run loaded them.",
            ),
            dg.AssetCheckSpec(
                "quarantine",
                asset=raw,
                description="No row or file that was set aside waits for a decision.",
            ),
            dg.AssetCheckSpec(
                "volume",
                asset=raw,
                description="Every loaded file has at least as many rows as the source declares, "
                "or somebody accepted it.",
            ),
            dg.AssetCheckSpec(
                "columns",
                asset=raw,
                description="Every loaded file has the contract's columns, and lost none, or "
                "somebody accepted it.",
            ),
            dg.AssetCheckSpec(
                "data_age",
                asset=raw,
                description="The data themselves are new, not only the last run.",
            ),
        ],
    )
    def bring_up_to_date(
        context: dg.AssetExecutionContext, lake: LakeResource, clock: Clock, refresh: Refresh
    ) -> Iterator[object]:
        with retried(context):
            extraction = extract(spec, lake.settings)
        yield dg.MaterializeResult(
            asset_key=landing,
            metadata={
                "new_files": len(extraction.files),
                "extracted_rows": extraction.rows,
                **sealed(extraction.seal),
            },
        )
        if spec.contract.personal:
            yield check_private(landing, Landing(lake.settings, spec.name))
        rebuilt = None
        if refresh.full_refresh and (_is_selected(context, raw) or needs_rebuild(spec, lake.lake)):
            with retried(context):
                rebuilt = rebuild(
                    spec,
                    lake.lake,
                    lake.settings,
                    run_id=context.run.run_id,
                    progress=context.log.info,
                )
        with retried(context):
            report = load(spec, lake.lake, lake.settings, run_id=context.run.run_id)
        columns = {column.name: column.description for column in spec.contract.columns}
        yield dg.MaterializeResult(
            asset_key=raw,
            metadata={
                **table_metadata(lake.lake, spec.table, descriptions=columns),
                "loaded_files": len(report.files),
                ROWS_WRITTEN: report.rows,
                "rejected_rows": report.rejected,
                "new_columns": report.new_columns,
                "left_out_columns": report.discarded,
                "missing_columns": report.missing,
                "rebuilt_rows": rebuilt.rows if rebuilt else 0,
                **sealed(report.seal),
            },
        )
        with lake.lake.reader() as cursor:
            undecided = find_undecided(cursor, spec)
        yield from check_load(raw, undecided, report)
        yield check_age(raw, report.seal, clock.now(), spec.freshness)

    return bring_up_to_date


def check_private(landing: dg.AssetKey, files: Landing) -> dg.AssetCheckResult:
    """Who else may read files with personal data: a warning, as they may be somebody else's files.

    They are not narrowed: a process that delivers them as another user would deliver no more.
    """
    wide = files.open_to_others()
    told = "others than their owner may read or change"
    return dg.AssetCheckResult(
        asset_key=landing,
        check_name="private",
        passed=not wide,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{told} {len(wide)} landed files and folders: {', '.join(wide[:5])}"
        if wide
        else "not looked at: the policies of the object store decide"
        if files.remote
        else f"nobody but its owner may read {files.root}",
        metadata={"remedy": f"chmod -R go= {files.root}"} if wide else {},
    )


def _is_selected(context: dg.AssetExecutionContext, raw: dg.AssetKey) -> bool:
    """Whether the run was asked for this table by name: a run of everything was not.

    To build raw again costs as much as all that ever landed, which nobody should get unasked.
    """
    selected = context.run.asset_selection
    return selected is not None and raw in selected


def check_load(
    raw: dg.AssetKey, undecided: Sequence[Undecided], report: LoadReport
) -> Iterator[dg.AssetCheckResult]:
    """What the lake says of the source: a flood of bad rows blocks, single ones are told.

    All of it is judged until it is decided, whichever run loaded it; the last `report` adds only
    what no table holds. They are two checks because automation takes any failure of a blocking
    check for a stop.
    """
    if report.seal is None and not undecided:
        for check in ("contract", "quarantine", "volume", "columns"):
            yield dg.AssetCheckResult(
                asset_key=raw,
                check_name=check,
                # it blocks, and automation takes a warning for a stop: others may have delivered
                passed=check == "contract",
                severity=dg.AssetCheckSeverity.WARN,
                description="nothing was ever loaded, so nothing was looked at",
            )
        return
    rows = [found for found in undecided if found.kind == "rows"]
    floods = [found for found in rows if found.is_flood]
    broken, of = sum(found.rows for found in rows), sum(found.of for found in rows)
    share = broken / max(of, 1)
    together = (
        f"{broken:,} of {of:,} rows ({share:.2%}) of {len(rows):,} files are rejected and undecided"
    )
    yield dg.AssetCheckResult(
        asset_key=raw,
        check_name="contract",
        passed=not floods,
        description=_told(report.source, floods) if floods else f"no flood: {together}",
        metadata={"undecided_share": share},
    )
    aside = [found for found in undecided if found.kind in ("rows", "file")]
    problems = [together] if len(rows) > 1 else []
    problems += [_told(report.source, aside)] if aside else []
    problems += [f"{file} was altered after it was loaded" for file in report.altered_files]
    yield dg.AssetCheckResult(
        asset_key=raw,
        check_name="quarantine",
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(problems) or "nothing that was set aside is undecided",
        metadata={"query": "SELECT * FROM quarantine.rows"},
    )
    loaded = f"{report.rows:,} rows from {len(report.files)} files"
    for check, fine in (
        ("volume", loaded),
        ("columns", "no loaded file lacks a column, or has lost one, undecided"),
    ):
        found = [one for one in undecided if one.kind == check]
        yield dg.AssetCheckResult(
            asset_key=raw,
            check_name=check,
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            description=_told(report.source, found) if found else fine,
        )


def _told(source: str, undecided: Sequence[Undecided]) -> str:
    """The worst of what is undecided, and the commands that decide it."""
    worst = sorted(undecided, key=lambda found: (found.kind != "file", -found.share, found.file))
    told = "; ".join(map(in_words, worst[:SHOWN]))
    if len(worst) > SHOWN:
        told += f"; and {len(worst) - SHOWN:,} files more"
    return (
        f"{told}. See `lakehouse quarantine list {source}`, and `show` for the rows; then "
        f"`lakehouse quarantine release {source}` tries again and `lakehouse quarantine discard "
        f"{source}` accepts the loss (--file, --reason)"
    )


def check_age(
    raw: dg.AssetKey, seal: datetime | None, now: datetime, allowed: AllowedAge | None
) -> dg.AssetCheckResult:
    """Whether the source is complete up to a time that is recent enough; a warning if not.

    Data of the future are not fresh data: a seal or a clock is wrong. A warning as well, because
    the embedded world may be moved on past today.
    """
    limit = allowed.fail if allowed else DEFAULT_AGE
    age = now - seal.replace(tzinfo=UTC) if seal else None
    if age is None:
        description = "nothing was ever loaded"
    elif age < timedelta():
        description = (
            f"complete up to {seal:%Y-%m-%d %H:%M} UTC, {-age / DAY:.1f} days ahead of the clock; "
            "set the clock right, or take out the file with that seal "
            f"(`lakehouse sources unload {raw.path[-1]} FILE`)"
        )
    else:
        description = (
            f"complete up to {seal:%Y-%m-%d %H:%M} UTC, {age / DAY:.1f} days ago; "
            f"at most {limit / DAY:.1f} are expected"
        )
    return dg.AssetCheckResult(
        asset_key=raw,
        check_name="data_age",
        passed=age is not None and timedelta() <= age <= limit,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
    )

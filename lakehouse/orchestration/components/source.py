"""A source as two assets of one step: its landed files and its raw table, with their checks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from lakehouse.orchestration.components.base import SpecComponent
from lakehouse.orchestration.metadata import ROWS_WRITTEN, sealed
from lakehouse.orchestration.policies import AllowedAge, freshness_of
from lakehouse.orchestration.resources import Clock, LakeResource
from lakehouse.orchestration.retries import retried
from lakehouse.orchestration.table_metadata import table_metadata
from lakehouse.sources import LoadReport, SourceSpec, extract, load

FLOOD = 0.05
"""Share of rejected rows of one load from which the source is taken for broken."""
A_FEW = 10
"""So many rejected rows are never a flood, however small the load."""
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
            dg.AssetCheckSpec(
                "contract",
                asset=raw,
                blocking=True,
                description=f"At most {FLOOD:.0%} of a load's rows break the contract, or a few.",
            ),
            dg.AssetCheckSpec(
                "quarantine",
                asset=raw,
                description="No row or file was set aside; those that were are in quarantine.rows.",
            ),
            dg.AssetCheckSpec(
                "volume",
                asset=raw,
                description="Every loaded file has at least as many rows as the source declares.",
            ),
            dg.AssetCheckSpec(
                "data_age",
                asset=raw,
                description="The data themselves are new, not only the last run.",
            ),
        ],
    )
    def refresh(
        context: dg.AssetExecutionContext, lake: LakeResource, clock: Clock
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
                **sealed(report.seal),
            },
        )
        yield from check_load(raw, report)
        yield check_age(raw, report.seal, clock.now(), spec.freshness)

    return refresh


def check_load(raw: dg.AssetKey, report: LoadReport) -> Iterator[dg.AssetCheckResult]:
    """What the load says of the source: a flood of bad rows blocks, single ones are told.

    They are two checks because automation takes any failure of a blocking check for a stop.
    """
    taken = report.rows + report.rejected
    share = report.rejected / max(taken, 1)
    yield dg.AssetCheckResult(
        asset_key=raw,
        check_name="contract",
        passed=share <= FLOOD or report.rejected <= A_FEW,
        description=f"{report.rejected:,} of {taken:,} rows break the contract ({share:.2%})",
        metadata={"rejected_share": share},
    )
    problems = [f"{reason} ({count:,} rows)" for reason, count in report.reasons.items()]
    problems += [f"{file} refused: {why}" for file, why in report.quarantined_files.items()]
    problems += [f"{file} was altered after it was loaded" for file in report.altered_files]
    yield dg.AssetCheckResult(
        asset_key=raw,
        check_name="quarantine",
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(problems) or "nothing was set aside",
        metadata={"query": "SELECT * FROM quarantine.rows"},
    )
    short = report.short_files
    yield dg.AssetCheckResult(
        asset_key=raw,
        check_name="volume",
        passed=not short,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"too few rows in {', '.join(short)}"
        if short
        else f"{report.rows:,} rows from {len(report.files)} files",
    )


def check_age(
    raw: dg.AssetKey, seal: datetime | None, now: datetime, allowed: AllowedAge | None
) -> dg.AssetCheckResult:
    """Whether the source is complete up to a time that is recent enough; a warning if not."""
    limit = allowed.fail if allowed else DEFAULT_AGE
    age = now - seal.replace(tzinfo=UTC) if seal else None
    return dg.AssetCheckResult(
        asset_key=raw,
        check_name="data_age",
        passed=age is not None and age <= limit,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"complete up to {seal:%Y-%m-%d %H:%M} UTC, {age / DAY:.1f} days ago; "
        f"at most {limit / DAY:.1f} are expected"
        if age is not None
        else "nothing was ever loaded",
    )

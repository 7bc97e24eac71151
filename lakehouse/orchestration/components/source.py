"""A source as two assets of one step: its landed files and its raw table, with their checks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from lakehouse.orchestration.components.base import SpecComponent
from lakehouse.orchestration.policies import freshness
from lakehouse.orchestration.resources import Clock, LakeResource
from lakehouse.orchestration.table_metadata import table_metadata
from lakehouse.sources import Extraction, LoadReport, SourceSpec, extract, load

FLOOD = 0.05
"""Share of rejected rows of one load from which the source is taken for broken."""
RETRIES = dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL)


class Source(SpecComponent):
    """Data from outside: extracted into the landing zone, checked, and loaded into raw."""

    spec_class = SourceSpec
    spec: SourceSpec

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The step and its checks."""
        return dg.Definitions(assets=[_refresh(self.spec)], asset_checks=[_data_age(self.spec)])


def _refresh(spec: SourceSpec) -> dg.AssetsDefinition:
    landing, raw = dg.AssetKey(["landing", spec.name]), dg.AssetKey(["raw", spec.name])
    policy = (
        freshness(spec.freshness.warn, spec.freshness.fail)
        if spec.freshness and spec.freshness.warn
        else None
    )
    common = {"owners": spec.owners, "tags": spec.tags, "freshness_policy": policy}

    @dg.multi_asset(
        name=f"source_{spec.name}",
        specs=[
            dg.AssetSpec(
                landing,
                description=f"{spec.description}\n\nComplete, immutable files as they were given.",
                group_name="landing",
                kinds={spec.connector.kind, spec.format or "file"},
                **common,
            ),
            dg.AssetSpec(
                raw,
                deps=[landing],
                description=f"{spec.description}\n\nEach row once, checked against the contract.",
                group_name="raw",
                kinds={"python", "duckdb"},
                **common,
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "contract",
                asset=raw,
                blocking=True,
                description=f"At most {FLOOD:.0%} of a load's rows break the contract; any that "
                "do are in quarantine.rows, and files that cannot be read are told.",
            ),
            dg.AssetCheckSpec(
                "volume",
                asset=raw,
                description="Every loaded file has at least as many rows as declared.",
            ),
        ],
        retry_policy=RETRIES,
    )
    def refresh(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[object]:
        extraction = extract(spec, lake.settings)
        yield dg.MaterializeResult(asset_key=landing, metadata=_extraction_metadata(extraction))
        report = load(spec, lake.lake, lake.settings, run_id=context.run_id)
        yield dg.MaterializeResult(
            asset_key=raw,
            metadata={
                **table_metadata(
                    lake.lake,
                    spec.table,
                    descriptions={c.name: c.description for c in spec.contract.columns},
                ),
                **_load_metadata(report),
            },
        )
        yield _contract_check(raw, report)
        yield _volume_check(raw, report)

    return refresh


def _data_age(spec: SourceSpec) -> dg.AssetChecksDefinition:
    fail = spec.freshness.fail if spec.freshness else timedelta(days=2)

    @dg.asset_check(
        name="data_age",
        asset=["raw", spec.name],
        description="The data themselves are new, not only the last run: the age of the seal.",
    )
    def data_age(lake: LakeResource, clock: Clock) -> dg.AssetCheckResult:
        from lakehouse.sources import read_seal

        seal = read_seal(spec, lake.lake)
        if seal is None:
            return dg.AssetCheckResult(
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"{spec.name} has never been loaded",
            )
        age = clock.now() - seal.replace(tzinfo=UTC)
        return dg.AssetCheckResult(
            passed=age <= fail,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"complete up to {seal:%Y-%m-%d %H:%M} UTC, {_days(age)} ago; "
            f"at most {_days(fail)} is expected",
            metadata={"sealed_until": _timestamp(seal), "age_days": age / timedelta(days=1)},
        )

    return data_age

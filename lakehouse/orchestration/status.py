"""What stands: each asset's last materialization, rows, data age and checks, as plain data."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import BaseModel

from lakehouse.lake import Lake, qualified
from lakehouse.lake.lake import table_exists
from lakehouse.orchestration.instance import open_instance
from lakehouse.settings import Settings


class AssetStatus(BaseModel):
    """One asset. Times are UTC; `complete_until` is up to when its data are complete."""

    asset: str
    materialized_at: datetime | None
    run_id: str | None
    rows: int | None
    complete_until: datetime | None
    data_age_hours: float | None
    allowed_age_hours: float | None
    fresh: bool | None
    checks_passed: int
    checks_failed: list[str]
    error: str | None


def read_status(
    definitions: dg.Definitions, settings: Settings, lake: Lake | None, now: datetime
) -> list[AssetStatus]:
    """Every asset that can be materialized, in the order of the data."""
    graph = definitions.resolve_asset_graph()
    seals = _seals(lake) if lake else {}
    with open_instance(settings) as instance:
        return [
            _status(graph, instance, key, seals.get("/".join(key.path)), now)
            for level in graph.toposorted_asset_keys_by_level
            for key in sorted(level)
            if key in graph.materializable_asset_keys
        ]


def _status(
    graph: Any, instance: dg.DagsterInstance, key: dg.AssetKey, seal: datetime | None, now: datetime
) -> AssetStatus:
    node = graph.get(key)
    event = instance.get_latest_materialization_event(key)
    materialization = event.asset_materialization if event else None
    rows: Any = materialization.metadata.get("dagster/row_count") if materialization else None
    policy = node.freshness_policy
    allowed = policy.fail_window.to_timedelta() if hasattr(policy, "fail_window") else None
    age = now - seal if seal else None
    passed, failed = _checks(instance, sorted(node.check_keys))
    return AssetStatus(
        asset="/".join(key.path),
        materialized_at=datetime.fromtimestamp(event.timestamp, UTC) if event else None,
        run_id=event.run_id if event else None,
        rows=int(rows.value) if rows is not None else None,
        complete_until=seal,
        data_age_hours=age.total_seconds() / 3600 if age is not None else None,
        allowed_age_hours=allowed.total_seconds() / 3600 if allowed else None,
        fresh=age <= allowed if age is not None and allowed else None,
        checks_passed=passed,
        checks_failed=failed,
        error=_error(instance, key, event),
    )


def _checks(instance: dg.DagsterInstance, keys: list[dg.AssetCheckKey]) -> tuple[int, list[str]]:
    passed, failed = 0, []
    for key in keys:
        record = instance.get_latest_asset_check_evaluation_record(key)
        status = record.status.value if record else None
        passed += status == "SUCCEEDED"
        if status == "FAILED":
            failed.append(key.name)
    return passed, failed


def _error(
    instance: dg.DagsterInstance, key: dg.AssetKey, event: dg.EventLogEntry | None
) -> str | None:
    """Why the asset's last run failed, when it did so after the last materialization."""
    records = instance.get_asset_records([key])
    run_id = records[0].asset_entry.last_run_id if records else None
    if run_id is None or (event is not None and event.run_id == run_id):
        return None
    from lakehouse.orchestration.run import root_cause

    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        if entry.dagster_event is not None:
            return root_cause(entry.dagster_event.step_failure_data.error)
    return None


def _seals(lake: Lake) -> dict[str, datetime]:
    seals: dict[str, datetime] = {}
    with lake.reader() as cursor:
        if table_exists(cursor, "ops.files"):
            query = f"SELECT source, max(seal) FROM {qualified('ops.files')} GROUP BY source"
            for source, seal in cursor.execute(query).fetchall():
                if seal is not None:
                    seals[f"landing/{source}"] = seals[f"raw/{source}"] = seal.replace(tzinfo=UTC)
        if table_exists(cursor, "ops.progress"):
            query = f"SELECT name, seal FROM {qualified('ops.progress')} WHERE seal IS NOT NULL"
            for name, seal in cursor.execute(query).fetchall():
                seals[name.replace(".", "/", 1)] = seal.replace(tzinfo=UTC)
    return seals

"""The step of a source reports what it assumed, what it skipped, and why there are no rows."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lakehouse.orchestration.components import Source
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.settings import Settings
from tests.sources.conftest import json_lines, make_spec, payment, seal_of


def run() -> tuple[dict[str, Any], str]:
    """The metadata of the raw table after one step, and the step's log."""
    resources = {
        "lake": LakeResource(),
        "clock": Clock(at="2026-05-03T00:00:00+00:00"),
        "refresh": Refresh(),
    }
    instance = dg.DagsterInstance.ephemeral()
    result = dg.materialize(
        list(Source(make_spec()).definitions().assets or ()),  # type: ignore[arg-type]
        resources=resources,
        instance=instance,
    )
    (event,) = (
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(["raw", "payments"])
    )
    metadata = event.materialization.metadata
    log = " ".join(entry.user_message for entry in instance.all_logs(result.run_id))
    return {name: entry.value for name, entry in metadata.items()}, log


@pytest.mark.slow
def test_assumptions_repetitions_and_reasons_are_in_the_log_and_the_metadata(
    home: Settings,
) -> None:
    metadata, log = run()
    assert metadata["why_no_rows"].startswith("no file has landed in ")
    assert "no new rows: no file has landed in " in log

    folder = Path(home.landing) / "payments"
    folder.mkdir(parents=True)
    (folder / "shop_2026-05-01.jsonl").write_bytes(json_lines(payment(1, seal_of(0))))
    metadata, log = run()
    assert (metadata["rows_written"], metadata["assumed_seals"]) == (1, 1)
    assert "why_no_rows" not in metadata
    assert "shop_2026-05-01.jsonl: assumed complete up to the end of the day in its name" in log

    (folder / "shop (1).jsonl").write_bytes(json_lines(payment(1, seal_of(0))))
    metadata, log = run()
    assert metadata["skipped_files"] == {
        "shop (1).jsonl": "it has the same bytes as shop_2026-05-01.jsonl, which is loaded"
    }
    assert metadata["why_no_rows"].startswith("1 new file skipped: shop (1).jsonl: ")
    assert "shop (1).jsonl was skipped: it has the same bytes" in log
    assert run()[0]["why_no_rows"].startswith("no new file since shop (1).jsonl")

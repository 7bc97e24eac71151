"""A step of a feature set that writes nothing, or leaves rows waiting, logs and records why."""

import dagster as dg
import pytest

from lakehouse.lake import Lake
from lakehouse.orchestration.components.feature_set import FeatureSet
from lakehouse.orchestration.resources import LakeResource, Refresh
from lakehouse.settings import Settings
from tests.features.test_increments import LABELS, days, deliver, seal, spec


@pytest.fixture
def refresh(lake: Lake, home: Settings):
    component = FeatureSet(spec=spec(owners=["team:risk"]))
    (asset,) = component.definitions().assets

    def step() -> tuple[dict[str, object], list[str]]:
        """The metadata of the materialization, and the lines of the log."""
        with dg.DagsterInstance.ephemeral() as instance:
            resources = {"lake": LakeResource(), "refresh": Refresh()}
            result = dg.materialize([asset], instance=instance, resources=resources)
            (made,) = result.asset_materializations_for_node("features__risk")
            records = instance.all_logs(result.run_id)
        lines = [record.user_message for record in records]
        return {name: value.value for name, value in made.metadata.items()}, lines

    return step


def test_rows_that_wait_are_explained_in_the_log_and_in_the_metadata(lake: Lake, refresh) -> None:
    loads = days(1)
    deliver(lake, loads, 1)
    metadata, _ = refresh()
    assert metadata["rows_written"] == len(loads[0]) > 0
    assert "why_no_rows" not in metadata
    deliver(lake, loads, 2, seal(1))
    metadata, lines = refresh()
    assert (metadata["rows_written"], metadata["rows_waiting"]) == (0, len(loads[1]))
    assert f"wait for {LABELS}, which is complete until {seal(1)}" in str(metadata["why_no_rows"])
    assert str(seal(2)) in str(metadata["why_no_rows"])
    assert any(str(metadata["why_no_rows"]) in line for line in lines)

"""The steps of a model whose champion cannot score: the successor and the check results."""

import dagster as dg
import pytest

from lakehouse.lake import Lake
from lakehouse.models import ModelSpec
from lakehouse.orchestration.components.model_monitoring import CHECKS, monitoring_step
from lakehouse.orchestration.components.model_predictions import predictions_step
from lakehouse.orchestration.components.model_training import _champion
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.registry import champion, list_versions, promote
from lakehouse.training import TrainReport
from tests.training.conftest import spec_values

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@pytest.fixture
def broken(ready, lake, monkeypatch):
    """The champion's files are missing, and a day of rows waits."""
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(lake.settings.data_dir))
    monkeypatch.setattr("lakehouse.orchestration.runs.webhook.post", lambda *_: None)
    folder = lake.settings.models_dir / champion(lake, "detector").artefact
    folder.rename(folder.with_name("away"))
    ready.world.days(60, 61)
    return ready


def steps(spec: ModelSpec) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [predictions_step(spec), monitoring_step(spec)],
        resources={"lake": LakeResource(), "refresh": Refresh(), "clock": Clock()},
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )


def versions_of_the_day(lake: Lake) -> list[tuple[str, int]]:
    with lake.reader() as cursor:
        return cursor.execute(
            "SELECT model_version, count(*) FROM predictions.detector "
            "WHERE _load_id = 61 GROUP BY 1"
        ).fetchall()


@pytest.mark.slow
def test_a_broken_champion_is_replaced_by_its_predecessor_in_the_same_run(broken, lake, settings):
    first = champion(lake, "detector")
    promote(lake, "detector", broken.other.version, who="me", why="try")
    promote(lake, "detector", first.version, who="me", why="back")
    assert steps(broken.spec).success
    assert versions_of_the_day(lake) == [(broken.other.version, 60)]
    assert champion(lake, "detector").version == broken.other.version


def test_without_a_successor_the_step_fails_and_names_the_remedy(broken, lake):
    first = champion(lake, "detector").version
    result = steps(broken.spec)
    assert not result.success
    assert champion(lake, "detector").version == first
    with lake.reader() as cursor:
        (outcome,) = cursor.execute("SELECT outcome FROM monitoring.actions").fetchall()
    assert f"lakehouse models promote detector {broken.other.version}" in outcome[0]
    assert versions_of_the_day(lake) == []


@pytest.mark.slow
def test_the_declared_fallback_scores_the_day_and_no_check_of_a_version_is_green(broken, lake):
    spec = ModelSpec(**spec_values(promotion={"fallback": "base_rate"}))
    result = steps(spec)
    assert result.success
    assert versions_of_the_day(lake) == [("fallback", 60)]
    found = {c.check_name: c for c in result.get_asset_check_evaluations()}
    assert (found["scoring_keeps_up"].passed, found["scoring_keeps_up"].severity) == (False, ERROR)
    assert found["complete"].passed
    watched = CHECKS.keys() - {"fairness"}
    assert {name for name in watched if not found[name].passed} == watched
    assert {found[name].severity for name in watched} == {WARN}
    newest = list_versions(lake, "detector")[0]
    report = TrainReport(newest, False, "up to date", (), None, "")
    check = _champion(spec, lake, dg.AssetKey(["models", "detector"]), report)
    assert (check.passed, check.severity) == (False, WARN)
    assert "the declared fallback (base_rate) decides" in check.description
    check = _champion(broken.spec, lake, dg.AssetKey(["models", "detector"]), report)
    assert (check.passed, check.severity) == (False, ERROR)


@pytest.mark.slow
def test_every_monitoring_step_checks_readiness_and_expiry(ready, lake, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(lake.settings.data_dir))
    promote(lake, "detector", ready.other.version, who="me", why="try")
    ready.world.days(60, 61)
    result = steps(ready.spec)
    assert result.success
    found = {c.check_name: c for c in result.get_asset_check_evaluations()}
    assert found["rollback_ready"].passed
    assert found["expiry"].passed

"""Each day shows whether a rollback would work, and whether the champion may still decide."""

from datetime import UTC, timedelta

import pytest

from lakehouse.lake import Author
from lakehouse.models import ModelSpec
from lakehouse.monitoring.react.readiness import assess_readiness
from lakehouse.monitoring.react.step import go_back
from lakehouse.registry import champion, list_transitions, promote
from lakehouse.scoring import score
from tests.training.conftest import spec_values


def found(ready, spec=None, now=None):
    return {one.name: one for one in assess_readiness(spec or ready.spec, ready.lake, now=now)}


@pytest.fixture
def replaced(ready):
    """v0001 was replaced by v0002 and is its predecessor."""
    promote(ready.lake, "detector", ready.other.version, who="me", why="try")
    return ready


def test_without_a_predecessor_the_check_is_not_green(ready, lake):
    one = found(ready)["rollback_ready"]
    assert (one.passed, one.severity, one.value) == (False, "warn", None)
    assert "has no predecessor to roll back to; a rollback would be refused" in one.cause
    spec = ModelSpec(**spec_values(promotion={"fallback": "base_rate"}))
    one = found(ready, spec)["rollback_ready"]
    assert not one.passed
    assert "the declared fallback (base_rate) would decide, and flag nothing" in one.cause


def test_a_predecessor_that_scores_the_newest_rows_is_green_and_said_once_a_day(replaced, lake):
    one = found(replaced)["rollback_ready"]
    assert one.passed
    assert one.value > 0
    snapshot = lake.snapshot()
    assert found(replaced)["rollback_ready"] == one
    assert lake.snapshot() == snapshot
    replaced.world.days(60, 61)
    score(replaced.spec, lake)
    assert found(replaced)["rollback_ready"].day == one.day + timedelta(days=1)
    with lake.reader() as cursor:
        kept = cursor.execute(
            "SELECT count(*) FROM monitoring.findings WHERE name = 'rollback_ready'"
        ).fetchone()
    assert kept == (2,)


def test_a_predecessor_whose_files_are_gone_is_found_before_it_is_needed(replaced, lake):
    version = next(v for v in list_transitions(lake, "detector") if v.to_state == "archived")
    folder = lake.settings.models_dir / "detector" / version.version
    folder.rename(folder.with_name("away"))
    one = found(replaced)["rollback_ready"]
    assert not one.passed
    assert f"{version.version} could not take over: artefact" in one.cause
    assert "a rollback would be refused" in one.cause


def test_a_predecessor_whose_features_lag_is_not_ready(replaced, lake):
    with lake.writer(Author("test")) as writer:
        writer.execute("DELETE FROM features.risk__0a1b2c3d WHERE event_time >= '2026-02-25'")
    one = found(replaced)["rollback_ready"]
    assert not one.passed
    assert "its features end on 2026-02-24" in one.cause


@pytest.mark.parametrize(
    ("days", "after", "passed", "severity"),
    [
        (9, "warn", True, "warn"),
        (11, "warn", False, "warn"),
        (99, "warn", False, "warn"),
        (11, "stop", False, "warn"),
        (41, "stop", False, "error"),
    ],
)
def test_an_expired_champion_warns_and_then_fails_where_it_may_decide_no_more(
    ready, lake, days, after, passed, severity
):
    spec = ModelSpec(**spec_values(model_card={"expires_after_days": 10, "after_expiry": after}))
    now = champion(lake, "detector").created_at.replace(tzinfo=UTC) + timedelta(days=days)
    one = found(ready, spec, now)["expiry"]
    assert (one.passed, one.severity) == (passed, severity)
    assert bool(one.cause) == (not passed)


def test_an_expired_champion_gives_way_by_rule_to_the_fallback_as_its_predecessor_has_expired_too(
    replaced, lake
):
    model_card = {"expires_after_days": 10, "after_expiry": "stop"}
    spec = ModelSpec(**spec_values(model_card=model_card, promotion={"fallback": "base_rate"}))
    now = champion(lake, "detector").created_at.replace(tzinfo=UTC) + timedelta(days=99)
    action = go_back(spec, lake, "it expired", now=now)
    assert action.done
    assert "the declared fallback (base_rate) decides" in action.outcome
    replaced.world.days(60, 61)
    assert score(spec, lake, now=now).version == "fallback"

"""Each day shows whether a rollback would work, and whether the champion may still decide."""

from datetime import UTC, timedelta

import pytest

from lakehouse.lake import Author
from lakehouse.models import ModelSpec
from lakehouse.monitoring.react.readiness import assess_readiness
from lakehouse.monitoring.react.step import roll_back_failing_champion
from lakehouse.registry import champion, list_transitions, promote
from lakehouse.scoring import score
from tests.training.conftest import spec_values


def findings_of(ready, spec=None, now=None):
    return {
        finding.name: finding
        for finding in assess_readiness(spec or ready.spec, ready.lake, now=now)
    }


@pytest.fixture
def replaced(ready):
    """v0001 was replaced by v0002 and is its predecessor."""
    promote(ready.lake, "detector", ready.other.version, who="me", why="try")
    return ready


def test_without_a_predecessor_the_check_does_not_pass(ready, lake):
    finding = findings_of(ready)["rollback_ready"]
    assert (finding.passed, finding.severity, finding.value) == (False, "warn", None)
    assert "has no predecessor to roll back to; a rollback would be refused" in finding.cause
    spec = ModelSpec(**spec_values(promotion={"fallback": "base_rate"}))
    finding = findings_of(ready, spec)["rollback_ready"]
    assert not finding.passed
    assert "the declared fallback (base_rate) would decide, and flag nothing" in finding.cause


def test_a_predecessor_that_scores_the_newest_rows_passes_and_is_stored_once_a_day(replaced, lake):
    finding = findings_of(replaced)["rollback_ready"]
    assert finding.passed
    assert finding.value > 0
    snapshot = lake.snapshot()
    assert findings_of(replaced)["rollback_ready"] == finding
    assert lake.snapshot() == snapshot
    replaced.world.days(60, 61)
    score(replaced.spec, lake)
    assert findings_of(replaced)["rollback_ready"].day == finding.day + timedelta(days=1)
    with lake.reader() as cursor:
        kept = cursor.execute(
            "SELECT count(*) FROM monitoring.findings WHERE name = 'rollback_ready'"
        ).fetchone()
    assert kept == (2,)


def test_a_predecessor_with_missing_files_is_found_before_it_is_needed(replaced, lake):
    version = next(v for v in list_transitions(lake, "detector") if v.to_state == "archived")
    folder = lake.settings.models_dir / "detector" / version.version
    folder.rename(folder.with_name("away"))
    finding = findings_of(replaced)["rollback_ready"]
    assert not finding.passed
    assert f"{version.version} could not take over: artefact" in finding.cause
    assert "a rollback would be refused" in finding.cause


def test_a_predecessor_whose_features_lag_is_not_ready(replaced, lake):
    with lake.writer(Author("test")) as writer:
        writer.execute("DELETE FROM features.risk__0a1b2c3d WHERE event_time >= '2026-02-25'")
    finding = findings_of(replaced)["rollback_ready"]
    assert not finding.passed
    assert "its features end on 2026-02-24" in finding.cause


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
def test_an_expired_champion_warns_and_fails_once_it_may_no_longer_decide(
    ready, lake, days, after, passed, severity
):
    spec = ModelSpec(**spec_values(model_card={"expires_after_days": 10, "after_expiry": after}))
    now = champion(lake, "detector").created_at.replace(tzinfo=UTC) + timedelta(days=days)
    finding = findings_of(ready, spec, now)["expiry"]
    assert (finding.passed, finding.severity) == (passed, severity)
    assert bool(finding.cause) == (not passed)


def test_the_fallback_replaces_an_expired_champion_whose_predecessor_has_expired_too(
    replaced, lake
):
    model_card = {"expires_after_days": 10, "after_expiry": "stop"}
    spec = ModelSpec(**spec_values(model_card=model_card, promotion={"fallback": "base_rate"}))
    now = champion(lake, "detector").created_at.replace(tzinfo=UTC) + timedelta(days=99)
    action = roll_back_failing_champion(spec, lake, "it expired", now=now)
    assert action.done
    assert "the declared fallback (base_rate) decides" in action.outcome
    replaced.world.days(60, 61)
    assert score(spec, lake, now=now).version == "fallback"

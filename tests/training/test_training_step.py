"""A failed training: the current champion scores new rows."""

import dagster as dg
import pytest

from lakehouse.lake import Author, Lake
from lakehouse.models import ModelSpec
from lakehouse.orchestration.components.model_predictions import predictions_step
from lakehouse.orchestration.components.model_training import training_step
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.training import train


@pytest.fixture
def outside(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """The webhook's messages; runs in this process use the test's lake."""
    posts: list[dict[str, object]] = []
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(lake.settings.data_dir))
    post = "lakehouse.orchestration.runs.webhook.post"
    monkeypatch.setattr(post, lambda settings, payload: posts.append(payload))
    return posts


def steps_of(spec: ModelSpec) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [training_step(spec), predictions_step(spec)],
        resources={"lake": LakeResource(), "refresh": Refresh(force=True), "clock": Clock()},
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )


NEAR_CHANCE = {"near_chance": 0.65}
"""So that on a few hundred rows labels without meaning give a model significantly below it."""


def without_meaning(lake: Lake) -> None:
    with lake.writer(Author("test")) as writer:
        writer.execute("UPDATE core.fct_labels SET is_fraud = hash(transaction_id) % 5 = 0")


@pytest.mark.slow
def test_after_a_collapse_the_champion_scores_and_a_message_is_sent(lake, world, detector, outside):
    spec = detector(judging=NEAR_CHANCE)
    good = train(spec, lake).version.version
    without_meaning(lake)
    result = steps_of(spec)
    assert result.success
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "trained"]
    assert not check.passed
    assert not check.blocking
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert "hardly better than chance" in check.description
    with lake.reader() as cursor:
        scored = cursor.execute(
            "SELECT model_version, count(*) > 0 FROM predictions.detector GROUP BY ALL"
        ).fetchall()
    assert scored == [(good, True)]
    (post,) = outside
    assert "hardly better than chance" in post["text"]
    assert post["run_id"] == result.run_id


def test_without_a_champion_a_collapse_fails_the_step(lake, world, detector, outside):
    without_meaning(lake)
    result = steps_of(detector(judging=NEAR_CHANCE))
    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert "hardly better than chance" in failed.step_failure_data.error.to_string()
    assert not lake.exists("predictions.detector")

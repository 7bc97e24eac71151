"""Bad versions, bad data and good versions injected into a lake, and the automatic reactions."""

from dataclasses import replace

import pytest

from lakehouse.lake import Author
from lakehouse.monitoring import WatchReport, watch
from lakehouse.monitoring.react.step import react
from lakehouse.monitoring.review.step import review
from lakehouse.registry import champion, list_transitions, list_versions, promote
from lakehouse.registry.versions import register
from lakehouse.scoring import score
from tests.monitoring.matured_lake import Bench, at, make_spec
from tests.training.conftest import World, change


def look_and_react(spec, lake):
    return react(spec, lake, watch(spec, lake), review(spec, lake))


@pytest.fixture
def successor(scored, detector):
    """The champion's successor decides, with the same files, and has scored one more day."""
    spec, lake = detector(), scored
    first = champion(lake, "detector")
    watch(spec, lake)
    review(spec, lake)
    other = replace(first, version="v0002-injected", number=2, state="candidate")
    with lake.writer(Author("test")) as writer:
        register(writer, other, "test", "injected")
    promote(lake, "detector", other.version, who="test", why="injected")
    return spec, lake, first, other


def add_day(lake, spec, world):
    world.days(60, 61)
    score(spec, lake)


@pytest.fixture
def world(scored):
    return World(scored)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ("score = 'NaN', decision = false", "not a number"),
        ("score = 0.25", "the same score"),
        ("score = 1 - score", "differs from that in the test period"),
        ("decision = true", "alerts on"),
    ],
    ids=["NaN", "constant", "inverted", "flood"],
)
def test_a_version_with_broken_scores_is_rolled_back_once_without_labels(
    successor, world, values, cause
):
    spec, lake, first, other = successor
    add_day(lake, spec, world)
    change(lake, f"UPDATE predictions.detector__log SET {values} WHERE _load_id = 61")
    (action,) = look_and_react(spec, lake)
    assert (action.action, action.version, action.done) == ("roll back", other.version, True)
    assert cause in action.why
    assert champion(lake, "detector").version == first.version
    moves, snapshot = list_transitions(lake, "detector"), None
    for _ in range(2):
        assert look_and_react(spec, lake) == ()
        snapshot = snapshot or lake.snapshot()
    assert lake.snapshot() == snapshot
    assert list_transitions(lake, "detector") == moves


@pytest.mark.slow
def test_a_sound_successor_stays(successor, world):
    spec, lake, _, other = successor
    add_day(lake, spec, world)
    assert look_and_react(spec, lake) == ()
    assert champion(lake, "detector").version == other.version


def run_days(bench, first, last):
    """Look daily; all actions with the day of the look."""
    done = []
    for day in range(first, last):
        bench.days(day, day + 1)
        reviewed = review(bench.spec, bench.lake)
        watched = WatchReport("detector", reviewed.champion, (), 0, ())
        for action in react(bench.spec, bench.lake, watched, reviewed, now=at(day)):
            done.append((day, action.action, action.version, action.done))
    return done


def states(bench):
    return {found.version: found.state for found in list_versions(bench.lake, "detector")}


@pytest.fixture
def all_can_score(monkeypatch):
    """Every version is able to score: those of the bench have no files."""
    monkeypatch.setattr("lakehouse.monitoring.react.step.prover", lambda *_: lambda version: "")


@pytest.mark.slow
def test_a_champion_with_inverted_scores_is_rolled_back_once_labels_have_matured(
    lake, all_can_score
):
    bench = Bench(lake, make_spec())
    bench.days(0, 9)
    before = bench.version(1, state="champion")
    upside_down = bench.version(2, state="champion")
    bench.log_predictions(before, range(30), 1.5, in_shadow=True)
    bench.log_predictions(upside_down, range(30), -1.5)
    done = run_days(bench, 9, 12)
    assert [one[1:] for one in done] == [
        ("roll back", upside_down.version, True),
        ("retrain", upside_down.version, True),
    ]
    (day,) = {one[0] for one in done}
    assert bench.truth(range(day - 7))["is_fraud"].sum() < 50, "not before there is evidence"
    assert bench.truth(range(day - 6))["is_fraud"].sum() >= 50, "fifty positives have matured"
    assert states(bench) == {before.version: "champion", upside_down.version: "rolled_back"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("skill", "action", "becomes"),
    [(2.5, "promote", "champion"), (0.0, "archive", "archived")],
    ids=["better", "worse"],
)
def test_a_shadow_is_settled_by_matured_labels(lake, all_can_score, skill, action, becomes):
    bench = Bench(lake, make_spec())
    bench.days(0, 20)
    decides, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.log_predictions(decides, range(40), 1.0)
    bench.log_predictions(shadow, range(40), skill, in_shadow=True)
    done = run_days(bench, 20, 23)
    assert [one[1:] for one in done] == [(action, shadow.version, True)]
    assert states(bench)[shadow.version] == becomes


@pytest.mark.slow
def test_a_shadow_without_difference_is_archived_when_its_time_is_over(lake):
    bench = Bench(lake, make_spec(shadow={"give_up_after": "15d"}))
    bench.days(0, 13)
    decides, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.log_predictions(decides, range(40), 1.0)
    bench.log_predictions(shadow, range(40), 1.0, in_shadow=True)
    assert run_days(bench, 13, 17) == [(15, "archive", shadow.version, True)]
    assert states(bench)[decides.version] == "champion"

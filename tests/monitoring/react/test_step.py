"""Reactions to findings: each happens once, is recorded, and triggers no other."""

import json
from dataclasses import replace
from importlib import import_module

import pytest

from lakehouse.lake import Author, layout
from lakehouse.monitoring import Finding, WatchReport
from lakehouse.monitoring.findings import replace_findings
from lakehouse.monitoring.react.actions import last_actions
from lakehouse.monitoring.react.step import react, roll_back_failing_champion
from lakehouse.monitoring.review.comparisons import ComparisonVerdict
from lakehouse.monitoring.review.step import ReviewReport, review
from lakehouse.registry import champion, list_transitions, list_versions, start_shadow
from lakehouse.registry.requests import open_request
from tests.monitoring.matured_lake import Bench, at, make_spec, on

react_module = import_module("lakehouse.monitoring.react.step")

BROKEN = Finding("scores_valid", on(20), False, 7.0, 0.0, "error", "7 rows no score", "", True)
DECAYED = Finding("matured_performance", on(20), False, 0.2, 0.4, "warn", "it decays", "", False)
BELOW = replace(DECAYED, severity="error", rollback=True, cause="below its gate")
DRIFTED = Finding("feature_drift", on(20), False, 0.9, 0.2, "warn", "amounts moved", "", False)


def react_to(bench, *findings, compared=(), day=20, spec=None):
    """React to these findings about the current champion."""
    name = champion(bench.lake, "detector").version
    watched = WatchReport("detector", name, (), 0, tuple(findings))
    reviewed = ReviewReport("detector", name, on(13), 0, tuple(compared), ())
    return react(spec or bench.spec, bench.lake, watched, reviewed, now=at(day))


def comparison(version, role, verdict):
    return ComparisonVerdict(version, role, verdict, {"day": on(13), "difference": 0.1})


def states(lake):
    return {found.version: found.state for found in list_versions(lake, "detector")}


def recorded_actions(lake):
    with lake.reader() as cursor:
        return last_actions(cursor, "detector", 99)


@pytest.fixture(autouse=True)
def unable_versions(monkeypatch):
    """Versions of the bench have no files: here all can score except those that a test adds."""
    reasons = {}
    monkeypatch.setattr(
        react_module, "prover", lambda *_: lambda version: reasons.get(version.version, "")
    )
    return reasons


@pytest.fixture
def bench(lake):
    """v0002 is champion after v0001; v0003 and v0004 are shadows since day 0."""
    bench = Bench(lake, make_spec())
    for number, state in enumerate(("champion", "champion", "shadow", "shadow"), 1):
        bench.version(number, state=state)
    return bench


def test_passed_findings_change_nothing_and_create_no_snapshot(bench, lake):
    snapshot = lake.snapshot()
    quiet = (comparison("v0001", "predecessor", "no difference shown"),)
    assert react_to(bench, replace(BROKEN, passed=True), DRIFTED, compared=quiet) == ()
    assert lake.snapshot() == snapshot


def test_broken_scores_roll_back_with_the_finding_as_evidence(bench, lake):
    (action,) = react_to(bench, BROKEN)
    assert (action.action, action.version, action.done) == ("roll back", "v0002", True)
    assert states(lake)["v0001"] == "champion"
    assert states(lake)["v0002"] == "rolled_back"
    move = next(m for m in list_transitions(lake, "detector") if m.to_state == "rolled_back")
    assert (move.who, move.why) == ("monitoring", "7 rows no score")
    (finding,) = move.evidence["findings"]
    assert (finding["name"], finding["day"]) == ("scores_valid", str(on(20)))
    (row,) = recorded_actions(lake)
    assert (row["action"], row["done"], row["outcome"]) == (
        "roll back",
        True,
        "v0001 decides again",
    )


@pytest.mark.slow
def test_a_missing_predecessor_is_recorded_once_and_a_shadow_may_still_take_over(lake):
    bench = Bench(lake, make_spec())
    bench.version(1, state="champion")
    bench.version(2, state="shadow")
    for day in range(20, 25):
        (action,) = react_to(bench, replace(BROKEN, cause=f"{day} rows have no score"), day=day)
        assert not action.done
        assert "no earlier champion" in action.outcome
    assert len(recorded_actions(lake)) == 1
    assert states(lake)["v0001"] == "champion"
    done = react_to(bench, BROKEN, compared=[comparison("v0002", "shadow", "better")], day=26)
    assert [(one.action, one.done) for one in done] == [("roll back", False), ("promote", True)]
    assert champion(lake, "detector").version == "v0002"


def test_a_better_predecessor_takes_over_again_unless_rollback_is_disabled(bench, lake):
    better = [comparison("v0001", "predecessor", "better")]
    kept = make_spec(shadow={"rollback": False})
    assert react_to(bench, compared=better, spec=kept) == ()
    (action,) = react_to(bench, compared=better)
    assert action.done
    assert "v0001 does better on matured labels" in action.why
    assert champion(lake, "detector").version == "v0001"


def test_a_champion_below_a_gate_is_rolled_back_and_a_retrain_requested(bench, lake):
    done = react_to(bench, BELOW)
    assert [(one.action, one.done) for one in done] == [("roll back", True), ("retrain", True)]
    with lake.reader() as cursor:
        request = open_request(cursor, "detector", None)
    assert (request.reason, request.evidence["value"]) == ("below its gate", 0.2)


def test_a_champion_below_a_gate_stays_if_its_predecessor_is_known_to_be_worse(bench, lake):
    done = react_to(bench, BELOW, compared=[comparison("v0001", "predecessor", "worse")])
    assert [one.action for one in done] == ["retrain"]
    assert champion(lake, "detector").version == "v0002"


def test_only_one_of_two_better_shadows_takes_over(bench, lake):
    both = [comparison("v0003", "shadow", "better"), comparison("v0004", "shadow", "better")]
    (action,) = react_to(bench, compared=both)
    assert (action.action, action.version, action.done) == ("promote", "v0004", True)
    assert states(lake) == {
        "v0001": "archived",
        "v0002": "archived",
        "v0003": "shadow",
        "v0004": "champion",
    }
    move = list_transitions(lake, "detector")[0]
    assert move.evidence == {"day": str(on(13)), "difference": 0.1}


def test_a_worse_shadow_is_archived_and_one_without_difference_after_its_time(bench, lake):
    looks = [
        comparison("v0003", "shadow", "worse"),
        comparison("v0004", "shadow", "no difference shown"),
    ]
    (action,) = react_to(bench, compared=looks, day=59)
    assert (action.action, action.version) == ("archive", "v0003")
    assert react_to(bench, compared=looks[1:], day=59) == ()
    (action,) = react_to(bench, compared=looks[1:], day=60)
    assert (action.version, action.done) == ("v0004", True)
    assert "60 days in parallel with v0002 have shown no difference" in action.why
    assert states(lake)["v0002"] == "champion"


def test_a_shadow_that_was_never_compared_is_archived_after_its_time_too(bench, lake):
    done = react_to(bench, day=60)
    assert {one.version for one in done} == {"v0003", "v0004"}
    assert {states(lake)[one.version] for one in done} == {"archived"}


@pytest.mark.parametrize("rule", ["manual", "better"])
def test_shadows_move_automatically_only_with_the_rule_shadow(bench, lake, rule):
    spec = make_spec(promotion={"rule": rule})
    assert (
        react_to(bench, compared=[comparison("v0003", "shadow", "better")], day=90, spec=spec) == ()
    )


def test_many_alarms_make_one_request_per_cooldown(bench, lake):
    for day in range(20, 27):
        react_to(bench, replace(DECAYED, cause=f"it decays, day {day}"), day=day)
    assert [row["taken_at"].date() for row in recorded_actions(lake)] == [on(26), on(23), on(20)]
    snapshot = lake.snapshot()
    assert react_to(bench, DECAYED, day=27) == ()
    assert lake.snapshot() == snapshot


@pytest.mark.parametrize(
    ("triggers", "requested"), [(["decay"], []), (["drift"], ["amounts moved"]), ([], [])]
)
def test_drift_requests_a_retrain_only_where_declared(bench, triggers, requested):
    spec = make_spec(retrain={"triggers": triggers})
    assert [one.why for one in react_to(bench, DRIFTED, spec=spec)] == requested


def test_two_reactions_to_the_same_finding_roll_back_once(bench, lake):
    name = champion(lake, "detector").version
    watched = WatchReport("detector", name, (), 0, (BROKEN,))
    reviewed = ReviewReport("detector", name, on(13), 0, (), ())
    first = react(bench.spec, lake, watched, reviewed, now=at(20))
    second = react(bench.spec, lake, watched, reviewed, now=at(20))
    assert [one.done for one in (*first, *second)] == [True, False]
    assert champion(lake, "detector").version == "v0001"


@pytest.mark.slow
def test_a_version_that_was_rolled_back_never_returns_automatically(bench, lake):
    """Neither on old evidence nor as a predecessor; only after being a shadow again."""
    bench.days(0, 30)
    bench.log_predictions(champion(lake, "detector"), range(23), 3.0)
    react_to(bench, BROKEN)
    for day in range(21, 25):
        bench.days(day + 9, day + 10)
        reviewed = review(bench.spec, lake)
        watched = WatchReport("detector", reviewed.champion, (), 0, ())
        react(bench.spec, lake, watched, reviewed, now=at(day))
        react_to(bench, BROKEN, compared=[comparison("v0002", "shadow", "better")], day=day)
        assert states(lake)["v0002"] == "rolled_back"
    assert len([m for m in list_transitions(lake, "detector") if m.to_state == "champion"]) == 3
    start_shadow(lake, "detector", "v0002", who="me", why="mended", now=at(30))
    (action,) = react_to(bench, compared=[comparison("v0002", "shadow", "better")], day=31)
    assert action.done


def test_bad_data_rolls_back_at_most_one_version(bench, lake):
    """A fault that two versions in a row show is not theirs, unless it disappeared in between."""
    bench.version(5, state="champion")
    assert react_to(bench, BROKEN)[0].done
    assert champion(lake, "detector").version == "v0002"
    for day in range(21, 24):
        broken = replace(BROKEN, day=on(day), cause=f"{day} rows have no score")
        with lake.writer(Author("test")) as writer:  # as monitoring does
            replace_findings(writer, "detector", "v0002", [broken], "")
        (action,) = react_to(bench, broken, day=day)
        assert not action.done
        assert "v0005 was rolled back for the same finding" in action.outcome
    assert len(recorded_actions(lake)) == 2
    with lake.writer(Author("test")) as writer:
        good = replace(BROKEN, day=on(24), passed=True)
        replace_findings(writer, "detector", "v0002", [good], "")
    (action,) = react_to(bench, replace(BROKEN, day=on(25)), day=25)
    assert action.done
    assert champion(lake, "detector").version == "v0001"


def test_a_finding_of_another_kind_is_blamed_on_the_version(bench, lake):
    bench.version(5, state="champion")
    react_to(bench, BROKEN)
    (action,) = react_to(bench, replace(BROKEN, name="alert_volume", cause="a flood"), day=21)
    assert action.done


def test_two_steps_that_find_the_same_champion_broken_roll_back_once(bench, lake):
    first = roll_back_failing_champion(
        bench.spec, lake, "its files are gone", expected_champion="v0002", now=at(20)
    )
    second = roll_back_failing_champion(
        bench.spec, lake, "its files are gone", expected_champion="v0002", now=at(20)
    )
    assert [one.done for one in (first, second)] == [True, False]
    assert "now v0001 decides" in second.outcome
    assert champion(lake, "detector").version == "v0001"


def test_a_rollback_goes_to_the_nearest_version_that_is_proved_able_to_score(
    bench, lake, unable_versions
):
    bench.version(5, state="champion")  # after v0002, after v0001
    unable_versions["v0002"] = "its artefact is gone"
    (action,) = react_to(bench, BROKEN)
    assert (action.done, action.outcome) == (True, "v0001 decides again")
    assert states(lake)["v0002"] == "archived"
    moves = [m for m in list_transitions(lake, "detector") if m.why.endswith(BROKEN.cause)]
    assert [m.evidence["cannot_score"] for m in moves] == [{"v0002": "its artefact is gone"}] * 2


def test_without_a_version_that_can_score_nothing_moves_and_the_outcome_names_the_remedy(
    bench, lake, unable_versions
):
    unable_versions.update({"v0001": "its artefact is gone", "v0003": "no", "v0004": "no"})
    (action,) = react_to(bench, BROKEN)
    assert not action.done
    assert "v0001: its artefact is gone" in action.outcome
    assert "lakehouse run --select models/detector --force" in action.outcome
    assert champion(lake, "detector").version == "v0002"
    del unable_versions["v0003"]
    (action,) = react_to(bench, BROKEN, day=21)
    assert "lakehouse models promote detector v0003" in action.outcome
    assert champion(lake, "detector").version == "v0002"


def test_a_declared_fallback_decides_where_no_version_can_score(bench, lake, unable_versions):
    unable_versions["v0001"] = "its artefact is gone"
    action, requested = react_to(bench, BROKEN, spec=make_spec(promotion={"fallback": "base_rate"}))
    assert action.done
    assert requested.action == "retrain"
    assert "the declared fallback (base_rate) decides, and flags nothing" in action.outcome
    with lake.reader() as cursor:
        assert open_request(cursor, "detector", None) is not None
    assert states(lake)["v0002"] == "rolled_back"
    assert "champion" not in states(lake).values()
    assert list_transitions(lake, "detector")[0].evidence["decides"] == "base_rate"


def test_a_better_shadow_that_cannot_score_does_not_take_over(bench, lake, unable_versions):
    unable_versions["v0003"] = "its features are gone"
    (action,) = react_to(bench, compared=[comparison("v0003", "shadow", "better")])
    assert not action.done
    assert "v0003 cannot score, so nothing was moved: its features are gone" in action.outcome
    assert champion(lake, "detector").version == "v0002"


def test_evidence_is_stored_as_json_and_actions_as_rows(bench, lake):
    react_to(bench, BELOW)
    with lake.reader() as cursor:
        (text,) = cursor.execute("SELECT evidence FROM registry.requests").fetchone()
        assert json.loads(text)["cause"] == "below its gate"
        kept = cursor.execute(f"SELECT action FROM {layout.ACTIONS} ORDER BY action").fetchall()
    assert kept == [("retrain",), ("roll back",)]


def test_a_champion_that_cannot_score_is_replaced_by_its_predecessor_once(bench, lake):
    action = roll_back_failing_champion(bench.spec, lake, "feature n_7d is gone", now=at(20))
    assert (action.done, action.version, action.outcome) == (
        *(True, "v0002"),
        "v0001 decides again",
    )
    assert states(lake)["v0002"] == "rolled_back"
    assert champion(lake, "detector").version == "v0001"
    again = roll_back_failing_champion(bench.spec, lake, "feature n_7d is gone", now=at(21))
    assert not again.done
    assert "no earlier champion" in again.outcome
    assert [row["done"] for row in recorded_actions(lake)] == [False, True]

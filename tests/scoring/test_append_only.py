"""The log is append-only, and its current rows match a slow reference in plain Python."""

import hashlib
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.registry import champion, promote
from lakehouse.scoring import load_history, score
from lakehouse.scoring.inputs import drop_inputs, replay
from tests.scoring.conftest import TEST_FROM
from tests.training.conftest import change

START = datetime(2026, 1, 1)
DAY = timedelta(days=1)
LOG = "predictions.detector__log"
RISK = "features.risk__0a1b2c3d"
PARTS = ("log", "superseded", "decisions", "inputs")


def rows(lake, table, columns="*"):
    with lake.reader() as cursor:
        return cursor.execute(f"SELECT {columns} FROM {table}").fetchall()


def digest(found):
    return hashlib.sha256(repr(sorted(map(repr, found))).encode()).hexdigest()


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("day"), st.integers(1, 2)),
        st.tuples(st.just("redo"), st.integers(45, 62), st.integers(1, 4)),
        st.tuples(st.just("full refresh")),
        st.tuples(st.just("replace the champion")),
        st.tuples(st.just("score")),
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.slow
@given(ACTIONS)
@settings(
    max_examples=4,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_logged_row_is_removed_or_changed_and_the_newest_decision_holds(copies, actions):
    ready = copies()
    lake, world, spec = ready.lake, ready.world, ready.spec
    names = [champion(lake, "detector").version, ready.other.version]
    deciding, last_day = names[0], 60
    expected = dict.fromkeys(range(TEST_FROM * world.per_day, 60 * world.per_day), names[0])
    pending: dict[int, str] = {}
    kept = rows(lake, LOG)
    for action, *arguments in actions:
        if action == "day":
            world.days(last_day, last_day + arguments[0])
            new = range(last_day * world.per_day, (last_day + arguments[0]) * world.per_day)
            pending |= dict.fromkeys(new, deciding)
            last_day += arguments[0]
            continue
        if action == "replace the champion":
            deciding = names[1] if deciding == names[0] else names[0]
            promote(lake, "detector", deciding, who="me", why="try")
            continue
        redone = range(0)
        if action == "redo":
            first, count = arguments
            redone = range(first, first + count)
            score(spec, lake, since=START + first * DAY, until=START + (first + count) * DAY)
        elif action == "full refresh":
            redone = range(last_day)
            score(spec, lake, full_refresh=True)
        else:
            score(spec, lake)
        for key in expected:
            if key // world.per_day in redone and key // world.per_day >= TEST_FROM:
                expected[key] = deciding
        expected |= pending
        pending = {}
        now = rows(lake, LOG)
        old = {(row[0], row[-1]) for row in kept}
        assert digest([row for row in now if (row[0], row[-1]) in old]) == digest(kept)
        assert len(now) >= len(kept)
        kept = now
        current = rows(lake, spec.predictions_table, "transaction_id, model_version")
        assert len(current) == len(expected)
        assert dict(current) == expected


def test_a_redo_supersedes_rows_and_the_history_has_both_decisions_and_the_reason(ready):
    lake, spec = ready.lake, ready.spec
    key = 55 * ready.world.per_day
    before = rows(lake, LOG)
    change(lake, f"UPDATE {RISK} SET risk = 4 WHERE transaction_id = {key}")
    score(spec, lake, since=START + 55 * DAY, until=START + 56 * DAY, run_id="again")
    after = rows(lake, LOG)
    assert len(after) == len(before) + ready.world.per_day
    assert set(map(repr, before)) < set(map(repr, after))
    assert rows(lake, spec.predictions_table, "count(*), count(DISTINCT transaction_id)") == [
        (len(before), len(before))
    ]
    first, second = load_history(spec, lake, key)
    version = champion(lake, "detector").version
    assert (first.version, second.version) == (version, version)
    assert first.superseded_by == second.decision > first.decision
    assert first.superseded_because == "predicted anew: 2026-02-25 to 2026-02-26"
    assert (second.superseded_by, second.superseded_because) == (None, "")
    assert first.row["feature_hash"] != second.row["feature_hash"]
    assert first.row["threshold"] == second.row["threshold"]
    assert [one.decision for one in load_history(spec, lake, key, at=first.scored_at)] == [
        first.decision
    ]


def test_a_log_of_an_older_release_is_migrated_with_all_its_rows(ready):
    lake, spec = ready.lake, ready.spec
    before = rows(lake, spec.predictions_table, "* EXCLUDE (_decision)")
    change(
        lake,
        "CREATE TABLE predictions.old AS SELECT * EXCLUDE (_decision) FROM predictions.detector",
        "DROP VIEW predictions.detector",
        *(f"DROP TABLE predictions.detector__{part}" for part in PARTS),
        "ALTER TABLE predictions.old RENAME TO detector",
    )
    assert score(spec, lake).rows == 0
    assert set(rows(lake, spec.predictions_table, "* EXCLUDE (_decision)")) == set(before)
    assert {number for (number,) in rows(lake, LOG, "_decision")} == {0}
    snapshot = lake.snapshot()
    assert score(spec, lake).rows == 0
    assert lake.snapshot() == snapshot
    score(spec, lake, since=START + 55 * DAY, until=START + 56 * DAY)
    assert len(rows(lake, LOG)) == len(before) + ready.world.per_day
    assert len(rows(lake, spec.predictions_table)) == len(before)


def test_a_decision_can_be_replayed_from_the_log_alone(ready):
    lake, spec = ready.lake, ready.spec
    score(spec, lake, since=START + 55 * DAY, until=START + 56 * DAY)
    change(
        lake,
        "DROP VIEW features.context",
        "DROP VIEW features.risk",
        "DROP TABLE features.context__0a1b2c3d",
        f"DROP TABLE {RISK}",
    )
    decided = len(rows(lake, LOG))
    assert replay(spec, lake, rows=10_000).rows == decided == (60 - TEST_FROM + 1) * 60
    assert replay(spec, lake, rows=10_000).differences == ()
    change(
        lake,
        "UPDATE predictions.detector__inputs SET features = list_transform(features, x -> x + 1) "
        "WHERE transaction_id = 3300",
    )
    assert len(replay(spec, lake, keys=[3300]).differences) >= 1


def test_features_are_kept_as_long_as_declared_and_their_hash_forever(ready, detector):
    lake, spec = ready.lake, ready.spec
    inputs, now = "predictions.detector__inputs", datetime.now().astimezone()
    decided = rows(lake, LOG, "transaction_id, feature_hash")
    assert len(rows(lake, inputs)) == len(decided)
    snapshot = lake.snapshot()
    assert drop_inputs(lake, spec, now=now + timedelta(days=89)) == 0
    assert lake.snapshot() == snapshot
    assert drop_inputs(lake, spec, now=now + timedelta(days=91)) == len(decided)
    assert rows(lake, inputs) == []
    assert rows(lake, LOG, "transaction_id, feature_hash") == decided
    ready.world.days(60, 61)
    score(detector(log={"features": "0d"}), lake)
    assert rows(lake, inputs) == []

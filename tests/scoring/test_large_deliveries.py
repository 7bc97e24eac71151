"""Weeks of rows land at once, and each delivery trains a version that takes over before scoring.

The order is that of the graph: rows land, a version is trained and promoted, then rows are scored
and monitored. A version's test period ends a gap before the newest label, so most rows of a
delivery are older than the test period of the version that decides from then on.
"""

from datetime import datetime, timedelta

import pytest

from lakehouse.lake import Author, write_progress
from lakehouse.registry import champion, promote, rollback
from lakehouse.scoring import score
from lakehouse.training import train
from tests.scoring.conftest import break_artefact
from tests.training.conftest import ask, change

START = datetime(2026, 1, 1)
DAY = timedelta(days=1)
RISK = "features.risk__0a1b2c3d"


def train_champion(lake, detector, seed):
    """A new version that decides from now on, as with the rule `better`."""
    spec = detector(seed=seed, rounds=3, promotion={"rule": "manual"})
    made = train(spec, lake, force=True).version
    promote(lake, "detector", made.version, who="rule", why="better")
    return made.version


def deciders(lake):
    """The deciding version by key; fails if a key is repeated."""
    found = ask(lake, "SELECT transaction_id, model_version FROM predictions.detector")
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.mark.slow
@pytest.mark.parametrize("weeks", [2, 4])
def test_every_row_of_a_large_delivery_is_scored_by_the_champion_when_it_landed(
    ready, detector, weeks
):
    lake, world, days = ready.lake, ready.world, weeks * 7
    deciding, expected, last = champion(lake, "detector").version, {}, 60
    for seed in (11, 12):
        world.days(last, last + days)
        landed = range(last * world.per_day, (last + days) * world.per_day)
        expected |= dict.fromkeys(landed, deciding)
        deciding = train_champion(lake, detector, seed)
        score(ready.spec, lake)
        last += days
    logged = deciders(lake)
    scored = sum(key in logged for key in expected)
    assert (scored, len(expected)) == (len(expected), 2 * days * world.per_day)
    assert {key: logged[key] for key in expected} == expected


@pytest.mark.slow
def test_every_row_is_accounted_for_and_a_lost_one_is_found(ready, detector):
    from lakehouse.scoring import reconcile

    lake, world, spec = ready.lake, ready.world, ready.spec
    world.days(60, 88)
    train_champion(lake, detector, 11)
    change(lake, f"DELETE FROM {RISK} WHERE transaction_id = {70 * world.per_day}")
    report = score(spec, lake)
    assert (report.rows, report.without_features) == (28 * world.per_day - 1, 1)
    found = reconcile(spec, lake)
    assert (found.landed, found.waiting, found.without_features, found.lost) == (
        88 * world.per_day,
        0,
        1,
        0,
    )
    assert found.passed_over == 46 * world.per_day, "as old as the first version's training rows"
    assert found.scored == 42 * world.per_day - 1
    assert "2,760 older than the test period" in found.summary
    world.days(88, 89)
    assert reconcile(spec, lake).waiting == world.per_day
    change(lake, "DELETE FROM predictions.detector__log WHERE transaction_id = 4000")
    assert reconcile(spec, lake).lost == 1
    assert "1 not scored, without a reason" in reconcile(spec, lake).summary


@pytest.mark.slow
def test_monitoring_sees_what_former_champions_decided(ready, detector):
    from lakehouse.monitoring import watch
    from lakehouse.monitoring.review.step import review

    lake, world, spec, last = ready.lake, ready.world, ready.spec, 60
    for seed in (11, 12):
        world.days(last, last + 28)
        train_champion(lake, detector, seed)
        score(spec, lake)
        watched = watch(spec, lake)
        review(spec, lake)
        last += 28
        (former,) = watched.former
        assert {"scores_valid", "scores_vary", "score_drift"} <= {f.name for f in former.findings}
        assert watch(spec, lake).former == ()
    judged = ask(
        lake,
        "SELECT DISTINCT start FROM monitoring.performance WHERE model = 'detector' "
        "AND role = 'champion' AND period = 'day' ORDER BY 1",
    )
    first, until = START + 53 * DAY, START + (last - 7) * DAY
    assert [day for (day,) in judged] == [
        (first + i * DAY).date() for i in range((until - first).days)
    ]


@pytest.mark.slow
def test_the_champion_when_a_row_landed_decides_even_if_moves_came_before_scoring(ready, detector):
    """Two moves between two scorings, and a process that was killed before the second."""
    lake, world, spec = ready.lake, ready.world, ready.spec
    first = champion(lake, "detector").version
    world.days(60, 61)
    promote(lake, "detector", ready.other.version, who="me", why="try")
    world.days(61, 62)
    third = train_champion(lake, detector, 11)
    world.days(62, 63)
    report = score(spec, lake)
    logged = deciders(lake)
    by_day = {day: {logged[key] for key in range(day * 60, day * 60 + 60)} for day in (60, 61, 62)}
    assert by_day == {60: {first}, 61: {ready.other.version}, 62: {third}}
    assert [(one.version, one.rows) for one in report.former_champions] == [
        (first, 60),
        (ready.other.version, 60),
    ]


@pytest.mark.slow
def test_a_version_that_can_no_longer_decide_is_replaced(ready, detector):
    lake, world, spec = ready.lake, ready.world, ready.spec
    first = champion(lake, "detector")
    world.days(60, 62)
    promote(lake, "detector", ready.other.version, who="me", why="try")
    break_artefact(lake, first)
    report = score(spec, lake)
    assert (report.rows, report.former_champions[0].version) == (120, first.version)
    assert "is not what was registered" in report.former_champions[0].skipped
    assert {deciders(lake)[key] for key in range(3600, 3720)} == {ready.other.version}


@pytest.mark.slow
def test_the_successor_decides_about_the_pending_rows_of_a_rolled_back_version(ready):
    lake, world, spec = ready.lake, ready.world, ready.spec
    first = champion(lake, "detector").version
    promote(lake, "detector", ready.other.version, who="me", why="try")
    world.days(60, 61)
    rollback(lake, "detector", who="me", why="broken", prove=lambda _: "")
    score(spec, lake)
    assert {deciders(lake)[key] for key in range(3600, 3660)} == {first}


@pytest.mark.slow
def test_rows_that_wait_for_features_are_decided_by_the_champion_when_they_landed(ready):
    lake, world, spec = ready.lake, ready.world, ready.spec
    first = champion(lake, "detector").version
    world.days(60, 61)
    from lakehouse.lake import Progress, read_progress

    with lake.writer(Author("test")) as writer:
        sealed = read_progress(writer, RISK)
        write_progress(writer, RISK, Progress(60, sealed.seal - DAY))
    assert (score(spec, lake).rows, score(spec, lake).waiting) == (0, world.per_day)
    promote(lake, "detector", ready.other.version, who="me", why="try")
    with lake.writer(Author("test")) as writer:
        write_progress(writer, RISK, sealed)
    assert score(spec, lake).rows == world.per_day
    assert {deciders(lake)[key] for key in range(3600, 3660)} == {first}

"""Which version decides, and what is kept, when several things happen between two scorings."""

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.features import refresh
from lakehouse.lake import Author, Progress, read_progress, write_progress
from lakehouse.models import ModelSpec
from lakehouse.models.upkeep import refresh_old_features
from lakehouse.registry import champion, promote, rollback, start_shadow
from lakehouse.scoring import find_log_problems, reconcile, score
from lakehouse.scoring.scorers import find_readers
from lakehouse.training import train
from tests.scoring.test_upkeep import SETS, activity
from tests.training.conftest import ask, change, spec_values

START = datetime(2026, 1, 1)
DAY = timedelta(days=1)
RISK = "features.risk__0a1b2c3d"


def deciders(lake, day):
    query = "SELECT DISTINCT model_version FROM predictions.detector WHERE _load_id = ?"
    return {name for (name,) in ask(lake, query, day + 1)}


def fall_back(lake):
    return rollback(
        lake, "detector", who="me", why="broken", prove=lambda _: "gone", fallback="base_rate"
    )


def test_an_expired_version_does_not_decide_about_its_pending_rows(ready):
    lake, other = ready.lake, ready.other
    stops = ModelSpec(
        **spec_values(model_card={"expires_after_days": 10, "after_expiry": "stop", "grace": "5d"})
    )
    first = champion(lake, "detector")
    now = first.created_at.replace(tzinfo=UTC) + timedelta(days=16)
    ready.world.days(60, 61)
    promote(lake, "detector", other.version, who="me", why="newer")
    change(
        lake,
        "UPDATE registry.versions SET created_at = created_at + INTERVAL 9 DAY "
        f"WHERE version = '{other.version}'",
    )
    report = score(stops, lake, now=now)
    assert deciders(lake, 60) == {other.version}
    (replaced,) = [one for one in report.former_champions if one.version == first.version]
    assert "may no longer decide since" in replaced.skipped


def test_a_redo_keeps_decisions_that_it_cannot_make_again(ready):
    lake, spec = ready.lake, ready.spec
    key = 55 * ready.world.per_day
    before = ask(lake, f"FROM predictions.detector WHERE transaction_id = {key}")
    change(lake, f"DELETE FROM {RISK} WHERE transaction_id = {key}")
    report = score(spec, lake, since=START + 55 * DAY, until=START + 56 * DAY)
    assert (report.rows, report.without_features) == (ready.world.per_day - 1, 1)
    assert ask(lake, f"FROM predictions.detector WHERE transaction_id = {key}") == before
    assert (reconcile(spec, lake).without_features, find_log_problems(spec, lake)) == (0, "")


def test_a_rolled_back_version_does_not_decide_about_its_rows_when_it_is_a_shadow_again(ready):
    lake, other = ready.lake, ready.other
    first = champion(lake, "detector").version
    promote(lake, "detector", other.version, who="me", why="try")
    ready.world.days(60, 61)
    rollback(lake, "detector", who="me", why="broken", prove=lambda _: "")
    start_shadow(lake, "detector", other.version, who="me", why="fixed")
    score(ready.spec, lake)
    assert deciders(lake, 60) == {first}


def test_a_late_row_is_scored_by_the_fallback_as_by_a_champion(ready):
    """It landed after the last champion was trained, so no version can have been trained on it."""
    lake, table = ready.lake, "core.fct_transactions"
    spec = ModelSpec(**spec_values(promotion={"fallback": "base_rate"}))
    fall_back(lake)
    with lake.writer(Author("test")) as writer:
        writer.execute(
            f"INSERT INTO {table} BY NAME SELECT * REPLACE (9999 AS transaction_id, "
            f"61 AS _load_id) FROM {table} WHERE transaction_id = 600"
        )
        write_progress(writer, table, Progress(61, read_progress(writer, table).seal))
    assert score(spec, lake).rows == 1
    assert deciders(lake, 60) == {"fallback"}
    found = reconcile(spec, lake)
    assert (found.scored, found.lost) == (14 * ready.world.per_day + 1, 0)


@pytest.mark.slow
def test_rows_that_had_no_features_are_not_lost_when_the_fallback_takes_over(ready):
    lake = ready.lake
    spec = ModelSpec(**spec_values(promotion={"fallback": "base_rate"}))
    ready.world.days(60, 61)
    change(lake, f"DELETE FROM {RISK} WHERE transaction_id = 3610")
    score(spec, lake)
    before = reconcile(spec, lake)
    assert (before.without_features, before.lost) == (1, 0)
    fall_back(lake)
    assert reconcile(spec, lake) == before
    ready.world.days(61, 62)
    score(spec, lake)
    change(
        lake,
        "DELETE FROM predictions.detector__log WHERE transaction_id = 3700",
        f"DELETE FROM {RISK} WHERE transaction_id = 3700",
    )
    found = reconcile(spec, lake)
    assert (found.without_features, found.lost) == (1, 1), "the fallback needs no features"


@pytest.mark.slow
def test_features_of_a_version_with_pending_rows_are_updated_two_champions_later(lake, world):
    """It is no longer the predecessor; without this its rows would wait forever."""
    spec = ModelSpec(**spec_values(feature_sets=SETS, gates=[]))
    refresh(activity("7d"), lake)
    train(spec, lake)
    score(spec, lake)
    first = champion(lake, "detector")
    refresh(activity("3d"), lake)
    others = [
        train(
            ModelSpec(
                **spec_values(
                    feature_sets=SETS, gates=[], seed=seed, rounds=3, promotion={"rule": "manual"}
                )
            ),
            lake,
            force=True,
        ).version
        for seed in (7, 11)
    ]
    world.days(60, 61)
    refresh(activity("3d"), lake)
    for other in others:
        promote(lake, "detector", other.version, who="me", why="try")
    with lake.reader() as reader:
        readers = find_readers(reader, spec)
    assert {one.version for one in readers} == {first.version, *(v.version for v in others)}
    refresh_old_features(lake, readers)
    assert (score(spec, lake).rows, deciders(lake, 60)) == (world.per_day, {first.version})
    with lake.reader() as reader:
        assert first.version not in {one.version for one in find_readers(reader, spec)}


def test_the_fallback_continues_the_log_of_an_older_release(ready):
    lake = ready.lake
    spec = ModelSpec(**spec_values(promotion={"fallback": "base_rate"}))
    change(
        lake,
        "CREATE TABLE predictions.old AS SELECT * EXCLUDE (_decision) FROM predictions.detector",
        "DROP VIEW predictions.detector",
        *(
            f"DROP TABLE predictions.detector__{part}"
            for part in ("log", "superseded", "decisions", "inputs")
        ),
        "ALTER TABLE predictions.old RENAME TO detector",
    )
    fall_back(lake)
    ready.world.days(60, 61)
    assert score(spec, lake).rows == ready.world.per_day
    query = "SELECT _decision, count(*) FROM predictions.detector GROUP BY 1 ORDER BY 1"
    assert ask(lake, query) == [(0, 14 * ready.world.per_day), (1, ready.world.per_day)]
    assert (find_log_problems(spec, lake), reconcile(spec, lake).lost) == ("", 0)
    snapshot = lake.snapshot()
    assert score(spec, lake).rows == 0
    assert lake.snapshot() == snapshot

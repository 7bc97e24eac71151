"""Shadow versions: the same rows, in the same commit, without deciding."""

from datetime import datetime, timedelta

import pytest

from lakehouse.lake import Progress
from lakehouse.models import load_model
from lakehouse.registry import champion, promote, rollback, start_shadow
from lakehouse.scoring import ConcurrentScoring, score
from lakehouse.scoring import score as score_function
from lakehouse.training import train
from tests.scoring.conftest import break_artefact
from tests.training.conftest import change


def always_ready(_version):
    return ""


START = datetime(2026, 1, 1)
DAY = timedelta(days=1)
RISK = "features.risk__0a1b2c3d"
SHADOW = "predictions.detector__shadow"
TEST_UNTIL = 53  # the end of the test period of versions trained on sixty days


def rows(lake, table, columns="* EXCLUDE (scored_at, run_id, _decision)"):
    with lake.reader() as cursor:
        query = f"SELECT {columns} FROM {table} ORDER BY transaction_id, model_version"
        return cursor.execute(query).to_arrow_table().to_pylist()


def pairs(lake, table):
    found = [(row["transaction_id"], row["model_version"]) for row in rows(lake, table)]
    assert len(set(found)) == len(found), "a version predicted a row twice"
    return set(found)


def keys(world, first, last):
    return set(range(first * world.per_day, last * world.per_day))


@pytest.fixture
def world(ready):
    return ready.world


@pytest.fixture
def spec(ready):
    """A model with a champion that has scored sixty days."""
    return ready.spec


@pytest.fixture
def other(ready):
    """A second version, still a candidate."""
    return ready.other


def shadow(lake, version):
    start_shadow(lake, "detector", version.version, who="me", why="try")


def test_a_shadow_predicts_the_rows_after_its_test_period_and_each_new_row(
    lake, world, spec, other
):
    shadow(lake, other)
    world.days(60, 61)
    before, snapshot = rows(lake, spec.predictions_table), lake.snapshot()
    report = score(spec, lake)
    assert lake.snapshot() == snapshot + 1
    (shadow_report,) = report.shadows
    assert (shadow_report.version, shadow_report.state, shadow_report.skipped) == (
        other.version,
        "shadow",
        "",
    )
    assert (report.rows, shadow_report.rows) == (world.per_day, (61 - TEST_UNTIL) * world.per_day)
    assert pairs(lake, SHADOW) == {(key, other.version) for key in keys(world, TEST_UNTIL, 61)}
    assert rows(lake, spec.predictions_table)[: len(before)] == before
    model = load_model(lake.settings.models_dir, other.artefact, other.files)
    with lake.reader() as cursor:
        features = cursor.execute(
            "SELECT c.*, r.risk, r.risky FROM features.context c JOIN features.risk r "
            "USING (transaction_id) WHERE c.event_time >= ? ORDER BY transaction_id",
            [START + TEST_UNTIL * DAY],
        ).to_arrow_table()
    (batch,) = features.combine_chunks().to_batches()
    logged = rows(lake, SHADOW)
    assert [row["score"] for row in logged] == model.predict_rows(batch).tolist()
    both = {row["transaction_id"]: row for row in rows(lake, spec.predictions_table)}
    for row in logged:
        if row["score"] != row["threshold"]:  # of equal scores a share is flagged
            assert row["decision"] == (row["score"] > row["threshold"])
        assert row["reasons"] is None
        for same in ("feature_hash", "event_time", "customer_id", "_load_id"):
            assert row[same] == both[row["transaction_id"]][same]


def test_scoring_with_a_shadow_again_changes_nothing(lake, world, spec, other):
    shadow(lake, other)
    score(spec, lake)
    snapshot = lake.snapshot()
    report = score(spec, lake)
    assert (report.rows, report.shadows[0].rows) == (0, 0)
    assert lake.snapshot() == snapshot


@pytest.mark.slow
def test_shadows_get_the_same_log_day_by_day_or_started_late(lake, world, spec, other, detector):
    shadow(lake, other)
    for day in range(60, 63):
        world.days(day, day + 1)
        score(spec, lake)
    piecemeal = rows(lake, SHADOW)
    change(
        lake,
        f"DELETE FROM {SHADOW}__log",
        "DELETE FROM ops.progress WHERE name LIKE '%@%'",
        f"DELETE FROM registry.thresholds WHERE version = '{other.version}'",
    )
    assert score(spec, lake).shadows[0].rows == len(piecemeal)
    assert rows(lake, SHADOW) == piecemeal


@pytest.mark.slow
def test_the_predecessor_keeps_scoring_so_both_versions_predict_all_new_rows(
    lake, world, spec, other
):
    first = champion(lake, "detector").version
    promote(lake, "detector", other.version, who="me", why="try")
    for day in range(60, 62):
        world.days(day, day + 1)
        score(spec, lake)
    logged, shadow_pairs = pairs(lake, spec.predictions_table), pairs(lake, SHADOW)
    assert logged == {(key, first) for key in keys(world, 46, 60)} | {
        (key, other.version) for key in keys(world, 60, 62)
    }
    assert shadow_pairs == {(key, first) for key in keys(world, 60, 62)}
    rollback(lake, "detector", prove=always_ready, who="me", why="decay")
    world.days(62, 63)
    assert score(spec, lake).shadows == (), "a version that was rolled back does not score again"
    assert pairs(lake, SHADOW) == shadow_pairs


@pytest.mark.slow
def test_each_version_predicts_each_row_once_even_when_days_are_redone(lake, world, spec, other):
    first = champion(lake, "detector").version
    shadow(lake, other)
    world.days(60, 61)
    score(spec, lake)
    promote(lake, "detector", other.version, who="me", why="better")
    world.days(61, 62)
    score(spec, lake)
    change(lake, "UPDATE features.context__0a1b2c3d SET amount_eur = amount_eur + 500")
    since, until = START + 59 * DAY, START + 61 * DAY
    report = score(spec, lake, since=since, until=until)
    assert (report.rows, report.shadows[0].rows) == (2 * world.per_day, 2 * world.per_day)
    both = pairs(lake, spec.predictions_table) | pairs(lake, SHADOW)
    assert not pairs(lake, spec.predictions_table) & pairs(lake, SHADOW)
    assert both == {(key, first) for key in keys(world, 46, 62)} | {
        (key, other.version) for key in keys(world, TEST_UNTIL, 62)
    }
    hashes = {
        (row["transaction_id"], row["feature_hash"])
        for table in (spec.predictions_table, SHADOW)
        for row in rows(lake, table)
        if since <= row["event_time"] < until
    }
    assert len(hashes) == 2 * world.per_day, "both read the changed features"
    assert score(spec, lake, full_refresh=True).shadows[0].rows == (62 - TEST_UNTIL) * world.per_day


def make_stale(lake, version):
    change(
        lake,
        f"CREATE TABLE features.risk__ffffffff AS FROM {RISK}",
        "CREATE OR REPLACE VIEW features.risk AS FROM features.risk__ffffffff",
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [(break_artefact, "is not what was registered"), (make_stale, "no longer updated")],
)
def test_a_shadow_that_cannot_score_is_skipped_and_reported_and_the_champion_scores(
    lake, world, spec, other, damage, message
):
    shadow(lake, other)
    world.days(60, 61)
    damage(lake, other)
    report = score(spec, lake)
    assert report.rows == world.per_day
    assert report.shadows[0].rows == 0
    assert message in report.shadows[0].skipped
    assert not lake.exists(SHADOW)


def test_a_shadow_that_fails_on_a_row_writes_nothing_and_catches_up_once_fixed(
    lake, world, spec, other, monkeypatch
):
    shadow(lake, other)
    world.days(60, 61)
    with monkeypatch.context() as patch:
        predict = score_function.__globals__["predict"].__globals__["predict_columns"]

        def fail(spec, model, keys, matrix):
            if model.card.trees_sha256 == model_of(lake, other).card.trees_sha256 and len(keys):
                raise FloatingPointError("too hot")
            return predict(spec, model, keys, matrix)

        patch.setattr("lakehouse.scoring.pending.predict_columns", fail)
        report = score(spec, lake)
    assert report.rows == world.per_day
    assert report.shadows[0].skipped == "FloatingPointError: too hot"
    assert score(spec, lake).shadows[0].rows == (61 - TEST_UNTIL) * world.per_day


def model_of(lake, version):
    return load_model(lake.settings.models_dir, version.artefact, version.files)


def test_a_shadow_waits_for_its_own_features_without_delaying_the_champion(
    lake, world, spec, other, monkeypatch
):
    shadow(lake, other)
    world.days(60, 61)
    module = score_function.__globals__["find_scorers"].__globals__
    target = module["_target"]

    def lagging_target(cursor, spec, tables, before, progress):
        """As if the shadow's features were sealed a day before the champion's."""
        found = target(cursor, spec, tables, before, progress)
        is_shadow = before.load_id == 0
        return Progress(found.load_id - 1, found.seal) if is_shadow else found

    with monkeypatch.context() as patch:
        patch.setitem(module, "_target", lagging_target)
        report = score(spec, lake)
    assert (report.rows, report.shadows[0].rows) == (
        world.per_day,
        (60 - TEST_UNTIL) * world.per_day,
    )
    report = score(spec, lake)
    assert (report.rows, report.shadows[0].rows) == (0, world.per_day)


def test_two_runs_that_catch_up_at_once_never_write_a_row_twice(
    lake, world, spec, other, monkeypatch
):
    shadow(lake, other)
    module = score_function.__globals__
    predict = module["predict"]

    def predict_late(*arguments):
        monkeypatch.setitem(module, "predict", predict)
        score(spec, lake)
        return predict(*arguments)

    monkeypatch.setitem(module, "predict", predict_late)
    with pytest.raises(ConcurrentScoring):
        score(spec, lake)
    assert len(pairs(lake, SHADOW)) == (60 - TEST_UNTIL) * world.per_day


def test_features_are_read_once_for_versions_that_share_them(lake, world, spec, other, monkeypatch):
    shadow(lake, other)
    world.days(60, 61)
    read = []
    join_features = score_function.__globals__["predict"].__globals__["join_features"]
    monkeypatch.setattr(
        "lakehouse.scoring.pending.join_features", lambda *a: read.append(1) or join_features(*a)
    )
    report = score(spec, lake)
    assert (report.rows > 0, report.shadows[0].rows > 0, len(read)) == (True, True, 1)


@pytest.mark.slow
def test_forecasts_and_classes_have_shadows_too(ready, lake, forecast, scenario):
    for make in (forecast, scenario):
        spec = make()
        train(spec, lake)
        other = train(make(seed=7, rounds=5, promotion={"rule": "manual"}), lake).version
        start_shadow(lake, spec.name, other.version, who="me", why="try")
        score(spec, lake)
        both = rows(lake, spec.predictions_table), rows(lake, f"{spec.predictions_table}__shadow")
        assert both[0][0].keys() == both[1][0].keys()
        assert both[1][0]["model_version"] == other.version

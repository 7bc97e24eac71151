from datetime import datetime, timedelta
from importlib import import_module

import pytest

from lakehouse.lake import Author, Progress, read_progress, write_progress
from lakehouse.models import BadArtefact, SchemaMismatch, load_model
from lakehouse.models.schema import row_hashes
from lakehouse.registry import NoChampion, champion, promote
from lakehouse.scoring import ConcurrentScoring, find_log_problems, score
from lakehouse.training import train
from tests.training.conftest import change

START = datetime(2026, 1, 1)
DAY = timedelta(days=1)
PARTS = ("log", "superseded", "decisions", "inputs")
RISK = "features.risk__0a1b2c3d"

score_module = import_module("lakehouse.scoring.step")
pending_module = import_module("lakehouse.scoring.pending")


def log(lake, spec, columns="* EXCLUDE (scored_at, run_id, _decision)"):
    with lake.reader() as cursor:
        query = f"SELECT {columns} FROM {spec.predictions_table} ORDER BY transaction_id"
        return cursor.execute(query).to_arrow_table().to_pylist()


@pytest.fixture
def world(ready):
    """Sixty days, and a champion that has scored nothing yet."""
    change(
        ready.lake,
        "DROP VIEW predictions.detector",
        *(f"DROP TABLE predictions.detector__{part}" for part in PARTS),
        "DELETE FROM registry.thresholds",
        "DELETE FROM ops.progress WHERE name = 'predictions.detector'",
    )
    return ready.world


@pytest.fixture
def spec(world, ready):
    """A model with a champion."""
    return ready.spec


def test_the_first_run_logs_the_scores_of_the_model_from_its_test_period_on(lake, world, spec):
    report = score(spec, lake)
    version = champion(lake, "detector")
    test_from = datetime.fromisoformat(version.split["test_from"])
    truth = world.transactions(0, 60)
    due = [
        key
        for key, time in zip(truth["transaction_id"], truth["event_time"], strict=True)
        if time >= test_from
    ]
    rows = log(lake, spec)
    assert [row["transaction_id"] for row in rows] == due
    assert (report.rows, report.without_features, report.waiting) == (len(due), 0, 0)
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    with lake.reader() as cursor:
        features = cursor.execute(
            "SELECT c.*, r.risk, r.risky FROM features.context c JOIN features.risk r "
            "USING (transaction_id) WHERE c.event_time >= ? ORDER BY transaction_id",
            [test_from],
        ).to_arrow_table()
    (batch,) = features.combine_chunks().to_batches()
    assert [row["score"] for row in rows] == model.predict_rows(batch).tolist()
    hashes = row_hashes(model.card.features.matrix(batch))
    assert [row["feature_hash"] for row in rows] == hashes
    for row in rows:
        if row["score"] != row["threshold"]:  # of equal scores a share is flagged
            assert row["decision"] == (row["score"] > row["threshold"])
        assert row["model_version"] == version.version


@pytest.mark.slow
def test_scoring_day_by_day_gives_the_same_log_as_at_once(lake, world, spec, monkeypatch):
    for first, last in ((60, 61), (61, 64)):
        score(spec, lake)
        world.days(first, last)
    score(spec, lake)
    piecemeal = log(lake, spec)
    change(lake, "DELETE FROM registry.thresholds")  # so that they are computed again
    monkeypatch.setattr(pending_module, "BATCH_ROWS", 7)
    report = score(spec, lake, full_refresh=True)
    assert report.rows == len(piecemeal)
    assert log(lake, spec) == piecemeal


def test_a_run_without_rows_names_the_input_that_holds_them_back_and_until_when(lake, world, spec):
    assert score(spec, lake).why_no_rows == ""
    assert score(spec, lake).why_no_rows == (
        "core.fct_transactions has no rows after load 60, the last one that was scored; it is "
        "complete up to 2026-03-01 23:59:59"
    )
    world.days(60, 61)
    with lake.writer(Author("test")) as writer:
        write_progress(writer, RISK, Progress(60, START + 60 * DAY - timedelta(microseconds=1)))
    report = score(spec, lake)
    assert report.rows == 0
    assert report.why_no_rows.startswith(
        f"{world.per_day} rows of core.fct_transactions wait: {RISK} is complete up to 2026-03-01 "
        "23:59:59, and a row that became known at 2026-03-02 "
    )


def test_scoring_again_changes_nothing_and_makes_no_snapshot(lake, world, spec):
    score(spec, lake, run_id="first")
    before, snapshot = log(lake, spec, "*"), lake.snapshot()
    assert score(spec, lake, run_id="second").rows == 0
    assert lake.snapshot() == snapshot
    assert log(lake, spec, "*") == before


@pytest.mark.slow
def test_rows_wait_for_features_that_are_not_final_and_are_scored_once_they_are(lake, world, spec):
    score(spec, lake)
    before = log(lake, spec)
    world.days(60, 62)
    sealed = START + 61 * DAY - timedelta(microseconds=1)
    with lake.writer(Author("test")) as writer:
        writer.execute("CREATE TABLE core.kept AS FROM " + RISK + " WHERE _load_id = 62")
        writer.execute(f"DELETE FROM {RISK} WHERE _load_id = 62")
        write_progress(writer, RISK, Progress(61, sealed))
    report = score(spec, lake)
    assert (report.rows, report.waiting, report.load_id) == (world.per_day, world.per_day, 61)
    assert report.without_features == 0
    with lake.reader() as cursor:
        assert read_progress(cursor, spec.predictions_table) == Progress(61, sealed)
    with lake.writer(Author("test")) as writer:
        writer.execute(f"INSERT INTO {RISK} FROM core.kept")
        write_progress(writer, RISK, Progress(62, sealed + DAY))
    report = score(spec, lake)
    assert (report.rows, report.waiting, report.load_id) == (world.per_day, 0, 62)
    assert len(log(lake, spec)) == len(before) + 2 * world.per_day


def test_rows_that_will_never_have_features_are_counted_and_block_nothing(lake, world, spec):
    score(spec, lake)
    world.days(60, 61)
    key = 60 * world.per_day
    change(lake, f"DELETE FROM {RISK} WHERE transaction_id = {key}")
    report = score(spec, lake)
    assert (report.rows, report.without_features) == (world.per_day - 1, 1)


def test_chosen_days_are_replaced_in_one_commit_and_others_stay(lake, world, spec):
    score(spec, lake, run_id="first")
    change(lake, "UPDATE features.context__0a1b2c3d SET amount_eur = 500")
    snapshot = lake.snapshot()
    since, until = START + 55 * DAY, START + 56 * DAY
    report = score(spec, lake, since=since, until=until, run_id="again")
    assert lake.snapshot() == snapshot + 1
    assert report.rows == world.per_day
    rows = log(lake, spec, "*")
    assert len({row["transaction_id"] for row in rows}) == len(rows)
    assert {row["run_id"] for row in rows if since <= row["event_time"] < until} == {"again"}
    assert {row["run_id"] for row in rows if not since <= row["event_time"] < until} == {"first"}


def test_new_rows_are_not_lost_when_chosen_days_are_redone(lake, world, spec):
    score(spec, lake)
    world.days(60, 61)
    score(spec, lake, since=START + 55 * DAY, until=START + 56 * DAY)
    assert score(spec, lake).rows == 0
    assert len(log(lake, spec)) == 15 * world.per_day


@pytest.mark.slow
def test_a_new_champion_scores_new_rows_and_keeps_earlier_predictions(lake, world, spec, detector):
    score(spec, lake)
    logged = log(lake, spec)
    other = train(detector(seed=7, rounds=5, promotion={"rule": "manual"}), lake).version
    promote(lake, "detector", other.version, who="me", why="trial")
    assert score(spec, lake).rows == 0
    world.days(60, 61)
    score(spec, lake)
    rows = log(lake, spec)
    assert rows[: len(logged)] == logged
    assert {row["model_version"] for row in rows[len(logged) :]} == {other.version}


def test_without_a_champion_nothing_is_scored(lake, world, detector):
    change(lake, "UPDATE registry.versions SET state = 'candidate'")
    with pytest.raises(NoChampion, match="detector has no champion"):
        score(detector(), lake)
    assert not lake.exists("predictions.detector")


def test_a_corrupt_artefact_is_an_error_and_the_log_stays(lake, world, spec):
    score(spec, lake)
    before = log(lake, spec, "*")
    world.days(60, 61)
    version = champion(lake, "detector")
    path = lake.settings.models_dir / version.artefact / "model.json"
    path.write_text(path.read_text().replace("0", "1", 1))
    snapshot = lake.snapshot()
    with pytest.raises(BadArtefact, match=r"model\.json is not what was registered"):
        score(spec, lake, full_refresh=True)
    assert lake.snapshot() == snapshot
    assert log(lake, spec, "*") == before


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (f"ALTER TABLE {RISK} DROP risky", "needs feature risky, which features.risk__0a1b2c3d"),
        (f"ALTER TABLE {RISK} RENAME risky TO r", "needs feature risky"),
        (f"DROP TABLE {RISK}", "was trained on features.risk__0a1b2c3d, which is not in"),
    ],
)
def test_features_that_are_not_what_the_model_was_trained_on_are_an_error(
    lake, world, spec, statement, message
):
    score(spec, lake)
    before = log(lake, spec, "*")
    world.days(60, 61)
    change(lake, statement)
    with pytest.raises(SchemaMismatch, match=message):
        score(spec, lake)
    assert log(lake, spec, "*") == before


def test_a_feature_that_became_a_text_is_an_error(lake, world, spec):
    change(
        lake,
        f"ALTER TABLE {RISK} DROP risky",
        f"ALTER TABLE {RISK} ADD risky VARCHAR",
    )
    with pytest.raises(SchemaMismatch, match=r"trained on risky as a number.*has it as VARCHAR"):
        score(spec, lake)


def test_a_champion_on_an_old_feature_version_is_reported(lake, world, spec):
    change(
        lake,
        f"CREATE TABLE features.risk__ffffffff AS FROM {RISK}",
        "CREATE OR REPLACE VIEW features.risk AS FROM features.risk__ffffffff",
    )
    assert score(spec, lake).stale_sets == ("risk",)


def test_two_scorers_never_write_a_row_twice(lake, world, spec, monkeypatch):
    predict = score_module.predict

    def predict_late(*arguments):
        monkeypatch.setattr(score_module, "predict", predict)
        score(spec, lake)
        return predict(*arguments)

    monkeypatch.setattr(score_module, "predict", predict_late)
    with pytest.raises(ConcurrentScoring, match="run it again"):
        score(spec, lake)
    keys = [row["transaction_id"] for row in log(lake, spec)]
    assert len(set(keys)) == len(keys) == 14 * world.per_day


@pytest.mark.slow
def test_forecasts_and_classes_have_columns_of_their_own(lake, world, forecast, scenario):
    for spec in (forecast(), scenario()):
        train(spec, lake)
        score(spec, lake)
    assert log(lake, forecast())[0]["prediction"] > 0
    row = log(lake, scenario())[0]
    assert row["label"] in ("amount", "terminal")
    assert 0.5 <= row["probability"] <= 1


def test_a_broken_log_is_described(lake, world, spec):
    assert find_log_problems(spec, lake) == "predictions.detector is not in the lake"
    score(spec, lake)
    assert find_log_problems(spec, lake) == ""
    change(
        lake,
        "INSERT INTO predictions.detector__log FROM predictions.detector "
        "WHERE transaction_id = 3599",
        "UPDATE predictions.detector__log SET score = NULL WHERE transaction_id = 3598",
    )
    assert find_log_problems(spec, lake) == (
        "1 rows repeat a transaction_id; 1 rows have no score; "
        "its log has 841 rows, but 840 were decided"
    )
    change(lake, "DELETE FROM predictions.detector__log WHERE transaction_id < 3599")
    assert find_log_problems(spec, lake) == (
        "1 rows repeat a transaction_id; its log has 2 rows, but 840 were decided"
    )
    change(lake, "DELETE FROM predictions.detector__log")
    assert (
        find_log_problems(spec, lake) == "predictions.detector has no rows, so nothing was checked"
    )

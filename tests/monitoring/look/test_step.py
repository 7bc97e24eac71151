"""Monitoring a small lake with a deployed model: sixty days, monitored from the 53rd on."""

import math
from datetime import date, datetime, timedelta
from importlib import import_module

import numpy as np
import pytest

from lakehouse.lake import Author, Progress, layout, read_progress, write_progress
from lakehouse.monitoring import watch
from lakehouse.monitoring.look.reference import compute_reference, read_reference
from lakehouse.monitoring.look.step import CHECKS, ConcurrentMonitoring
from lakehouse.monitoring.pictures import draw_pictures
from lakehouse.registry import champion, promote
from lakehouse.scoring import score
from lakehouse.training import train
from tests.training.conftest import World, change

START = datetime(2026, 1, 1)
DAY = timedelta(days=1)
WATCHED_FROM = date(2026, 1, 1) + 53 * DAY
LAST = date(2026, 1, 1) + 59 * DAY
CONTEXT, RISK = "features.context__0a1b2c3d", "features.risk__0a1b2c3d"
watch_module = import_module("lakehouse.monitoring.look.step")


def rows_of(lake, table, order="ALL", columns="* EXCLUDE (run_id)"):
    columns = columns if table == layout.FINDINGS else "*"
    with lake.reader() as cursor:
        query = f"SELECT {columns} FROM {table} ORDER BY {order}"
        return cursor.execute(query).to_arrow_table().to_pylist()


def everything(lake):
    """All rows that monitoring wrote; references without their creation time."""
    found = {
        name: rows_of(lake, name, order)
        for name, order in {
            layout.FEATURE_DRIFT: "day, name",
            layout.SCORE_DRIFT: "day, name",
            layout.VOLUME: "day",
            layout.ESTIMATED: "day, metric",
            layout.REFERENCE: "name",
        }.items()
    }
    for row in found[layout.REFERENCE]:
        del row["created_at"]
    return found


def found_by(report, name):
    (finding,) = [one for one in report.findings if one.name == name]
    return finding


@pytest.fixture
def lake(scored):
    return scored


@pytest.fixture
def world(scored):
    return World(scored)


@pytest.fixture
def spec(detector):
    return detector()


def plain_psi(reference, now, edges):
    """From single values: None is missing; cells by plain comparison."""

    def shares(values):
        slots = [
            0 if value is None else 2 + sum(np.float32(value) > np.float32(e) for e in edges)
            for value in values
        ]
        size = 2 + len(edges) + 1
        return [slots.count(i) for i in range(size)], len(values), size

    total = 0.0
    (n, rows_reference, size), (m, rows_now, _) = shares(reference), shares(now)
    for a, b in zip(n, m, strict=True):
        if a or b:
            p, q = (a + 0.5) / (rows_reference + 0.5 * size), (b + 0.5) / (rows_now + 0.5 * size)
            total += (q - p) * math.log(q / p)
    return total


def test_drift_is_what_plain_python_computes_from_single_rows(lake, world, spec):
    world.days(60, 62)
    score(spec, lake)
    report = watch(spec, lake)
    assert report.days == tuple(WATCHED_FROM + i * DAY for i in range(9))
    assert report.rows == 9 * world.per_day
    train_rows, now = world.transactions(0, 25), world.transactions(55, 62)
    for name in ("amount_eur", "risk"):
        (reference,) = [r for r in rows_of(lake, layout.REFERENCE) if r["name"] == name]
        (found,) = [
            row
            for row in rows_of(lake, layout.FEATURE_DRIFT)
            if row["name"] == name and row["day"] == LAST + 2 * DAY
        ]
        expected = plain_psi(train_rows[name], now[name], reference["edges"])
        assert found["psi"] == pytest.approx(expected)
        assert found["rows"] == 7 * world.per_day
        assert found["judged"]
        shares = [
            sum(v is None for v in rows[name]) / len(rows[name]) for rows in (train_rows, now)
        ]
        assert found["missing"] == pytest.approx(shares[1])
        assert found["missing_change"] == pytest.approx(abs(shares[1] - shares[0]))


def test_the_reference_counts_the_training_period_and_is_computed_once(lake, world, spec):
    watch(spec, lake)
    before = rows_of(lake, layout.REFERENCE)
    world.days(60, 61)
    score(spec, lake)
    watch(spec, lake)
    assert rows_of(lake, layout.REFERENCE) == before
    with lake.reader() as cursor:
        version = champion(lake, "detector")
        made = compute_reference(cursor, spec, lake, version)
        kept = read_reference(cursor, spec, version.version)
    assert [one.name for one in made if one.part == "feature"] == [
        "amount_eur",
        "channel",
        "risk",
        "risky",
    ]
    with lake.reader() as cursor:
        (rows, tested) = cursor.execute(
            "SELECT count(*) FILTER (split = 'train'), count(*) FILTER (split = 'test') "
            "FROM training.detector"
        ).fetchone()
    for one, other in zip(made, kept, strict=True):
        assert one.counts.sum() == (rows if one.part == "feature" else tested)
        assert one.counts.tolist() == other.counts.tolist()
        assert one.cells == other.cells
        assert (one.psi, one.missing, one.unseen) == (other.psi, other.missing, other.unseen)
    (channel,) = [one for one in made if one.name == "channel"]
    truth = world.transactions(0, 25)["channel"]
    counted = dict(zip(channel.cells.values, channel.counts[2:].tolist(), strict=True))
    assert counted == {value: truth.count(value) for value in set(truth)}


def test_a_second_look_changes_nothing_and_creates_no_snapshot(lake, world, spec):
    first = watch(spec, lake)
    before, snapshot = everything(lake), lake.snapshot()
    again = watch(spec, lake)
    assert (again.days, again.rows) == ((), 0)
    assert again.findings == first.findings
    assert lake.snapshot() == snapshot
    assert everything(lake) == before


def test_one_look_is_one_commit(lake, world, spec):
    snapshot = lake.snapshot()
    watch(spec, lake)
    assert lake.snapshot() == snapshot + 1


@pytest.mark.slow
def test_daily_looks_find_the_same_as_one_look(lake, world, spec):
    watch(spec, lake)
    for day in (60, 61, 64):
        world.days(day, day + (3 if day == 61 else 1))
        score(spec, lake)
        watch(spec, lake)
    piecemeal = everything(lake)
    findings = [f for f in rows_of(lake, layout.FINDINGS) if f["name"] == "feature_drift"]
    assert [f["day"] for f in findings] == [LAST + i * DAY for i in range(6)]
    watch(spec, lake, full_refresh=True)
    assert everything(lake) == piecemeal


def test_a_day_is_monitored_only_when_it_is_complete(lake, world, spec):
    noon = START + 59 * DAY + timedelta(hours=12)
    change(lake)
    with lake.writer(Author("test")) as writer:
        write_progress(writer, spec.predictions_table, Progress(60, noon))
    assert watch(spec, lake).days[-1] == LAST - DAY
    with lake.writer(Author("test")) as writer:
        midnight = noon + timedelta(hours=12) - timedelta(microseconds=1)
        write_progress(writer, spec.predictions_table, Progress(60, midnight))
    assert watch(spec, lake).days == (LAST,)


def test_a_sealed_day_waits_for_rows_that_are_not_scored_yet(lake, world, spec):
    with lake.writer(Author("test")) as writer:
        # the last load waits for its features, though the log is sealed to its end
        sealed = read_progress(writer, spec.predictions_table).seal
        writer.execute(f"DELETE FROM {spec.predictions_table}__log WHERE _load_id = 60")
        write_progress(writer, spec.predictions_table, Progress(59, sealed))
    assert watch(spec, lake).days[-1] == LAST - DAY


def test_recomputed_days_are_monitored_again_and_earlier_days_stay(lake, world, spec):
    watch(spec, lake)
    before = everything(lake)
    change(lake, f"UPDATE {CONTEXT} SET amount_eur = 5000 WHERE event_time >= '2026-02-27'")
    watch(spec, lake, since=datetime(2026, 2, 27))
    after = everything(lake)
    for table in (layout.FEATURE_DRIFT, layout.SCORE_DRIFT):
        old = [row for row in before[table] if row["day"] < date(2026, 2, 27)]
        assert [row for row in after[table] if row["day"] < date(2026, 2, 27)] == old
        assert len(after[table]) == len(before[table])
    (changed,) = [
        row
        for row in after[layout.FEATURE_DRIFT]
        if row["day"] == LAST and row["name"] == "amount_eur"
    ]
    assert changed["psi"] > 1


@pytest.mark.slow
def test_a_new_champion_is_monitored_from_the_end_of_its_own_test_period(
    lake, world, spec, detector
):
    watch(spec, lake)
    world.days(60, 67)
    score(spec, lake)
    other = train(detector(promotion={"rule": "manual"}), lake).version
    promote(lake, "detector", other.version, who="me", why="trial")
    report = watch(spec, lake)
    assert report.version == other.version
    assert report.days == tuple(date(2026, 1, 1) + (60 + i) * DAY for i in range(7))
    rows = rows_of(lake, layout.FEATURE_DRIFT)
    assert sum(row["counts"] is not None for row in rows if row["version"] == other.version) == 28
    with lake.reader() as cursor:
        assert len(read_reference(cursor, spec, other.version)) == 5
    # it has no predictions yet
    score_rows = [r for r in rows_of(lake, layout.SCORE_DRIFT) if r["version"] == other.version]
    assert {row["rows"] for row in score_rows} == {0}
    assert not any(row["judged"] for row in score_rows)


def test_a_quiet_week_passes_every_check(lake, world, spec):
    report = watch(spec, lake)
    expected = [name for name in CHECKS if name != "alerts_at_capacity"]  # that takes three weeks
    assert [one.name for one in report.findings] == expected
    assert [one.name for one in report.findings if not one.passed] == []


@pytest.mark.parametrize(
    ("statement", "name", "cause"),
    [
        (f"UPDATE {CONTEXT} SET amount_eur = amount_eur * 100", "feature_drift", "amount_eur"),
        (f"UPDATE {RISK} SET risk = NULL", "missing_values", "risk"),
        (f"UPDATE {CONTEXT} SET channel = 'wallet'", "unseen_categories", "channel"),
        ("UPDATE predictions.detector__log SET score = score / 2 + 0.5", "score_drift", "score"),
    ],
)
def test_drift_in_the_lake_is_found_and_named(lake, world, spec, statement, name, cause):
    change(lake, f"{statement} WHERE event_time >= TIMESTAMP '2026-02-24'")
    found = found_by(watch(spec, lake), name)
    assert not found.passed
    assert cause in found.cause
    assert found.value > found.bound
    assert found.remedy
    assert not found.rollback


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ("score = 'NaN'", "scores_valid"),
        ("score = NULL", "scores_valid"),
        ("score = 0.25", "scores_vary"),
        ("score = 1 - score", "score_jump"),
        ("decision = true", "alert_volume"),
    ],
)
def test_a_broken_version_is_found_without_labels_and_before_the_day_is_over(
    lake, world, spec, values, name
):
    watch(spec, lake)
    world.days(60, 61)
    score(spec, lake)
    change(lake, f"UPDATE predictions.detector__log SET {values} WHERE _load_id = 61")
    with lake.writer(Author("test")) as writer:
        seal = START + 60 * DAY + timedelta(hours=23)
        write_progress(writer, spec.predictions_table, Progress(61, seal))
    report = watch(spec, lake)
    assert report.days == ()
    found = found_by(report, name)
    assert not found.passed
    assert (found.severity, found.rollback) == ("error", True)
    assert found.cause
    assert found.remedy


def test_few_rows_are_not_reported_as_a_jump(lake, world, spec):
    watch(spec, lake)
    world.days(60, 61)
    score(spec, lake)
    change(
        lake,
        "DELETE FROM predictions.detector__log WHERE _load_id = 61 AND transaction_id > 3610",
        "UPDATE predictions.detector__log SET score = 0.9 WHERE _load_id = 61",
    )
    report = watch(spec, lake)
    assert found_by(report, "score_jump").passed
    assert found_by(report, "scores_vary").passed


def test_features_of_another_kind_are_found_and_nothing_is_stored(lake, world, spec):
    change(lake, f"ALTER TABLE {RISK} DROP risky", f"ALTER TABLE {RISK} ADD risky VARCHAR")
    snapshot = lake.snapshot()
    (found,) = watch(spec, lake).findings
    assert (found.name, found.passed, found.rollback) == ("features_as_trained", False, True)
    assert "risky" in found.cause
    assert lake.snapshot() == snapshot


def test_a_day_without_rows_is_found(lake, world, spec):
    watch(spec, lake)
    with lake.writer(Author("test")) as writer:
        seal = START + 61 * DAY - timedelta(microseconds=1)
        write_progress(writer, spec.predictions_table, Progress(60, seal))
    report = watch(spec, lake)
    assert report.days == (LAST + DAY,)
    found = found_by(report, "volume")
    assert (found.passed, found.severity, found.value) == (False, "error", 0.0)
    # the window that ends with the empty day still has rows of the days before
    assert found_by(report, "feature_drift").day == LAST + DAY


def test_estimates_are_by_day_of_decision_and_grow_with_late_rows(lake, world, spec):
    watch(spec, lake)
    rows = rows_of(lake, layout.ESTIMATED)
    days = {row["day"] for row in rows}
    assert days == {date(2026, 1, 1) + (46 + i) * DAY for i in range(14)}
    truth = np.array(
        [row["score"] for row in rows_of(lake, spec.predictions_table, "transaction_id")]
    )
    expected = sum(row["value"] for row in rows if row["metric"] == "positives")
    assert expected == pytest.approx(truth.sum())
    change(
        lake,
        "INSERT INTO predictions.detector__log "
        "SELECT * REPLACE (9999 AS transaction_id, 61 AS _load_id) "
        "FROM predictions.detector WHERE transaction_id = 3300",
    )
    with lake.writer(Author("test")) as writer:
        seal = read_progress(writer, spec.predictions_table).seal
        write_progress(writer, spec.predictions_table, Progress(61, seal))
    watch(spec, lake)
    (late,) = [
        row
        for row in rows_of(lake, layout.ESTIMATED)
        if row["metric"] == "positives" and row["day"] == date(2026, 1, 1) + 55 * DAY
    ]
    assert late["rows"] == world.per_day + 1
    assert len(rows_of(lake, layout.ESTIMATED)) == len(rows)


def test_concurrent_looks_never_store_the_same_days_twice(lake, world, spec, monkeypatch):
    look = watch_module._look

    def look_late(*arguments):
        monkeypatch.setattr(watch_module, "_look", look)
        watch(spec, lake)
        return look(*arguments)

    monkeypatch.setattr(watch_module, "_look", look_late)
    with pytest.raises(ConcurrentMonitoring, match="run this again"):
        watch(spec, lake)
    assert len(rows_of(lake, layout.FEATURE_DRIFT)) == 7 * 4


def test_every_monitored_quantity_is_drawn_as_png(lake, world, spec):
    watch(spec, lake)
    matured = [(date(2026, 2, 20), 0.6), (date(2026, 2, 21), 0.5)]
    drawn = draw_pictures(spec, lake, matured)
    assert {"feature_drift", "score_drift", "volume", "performance"} <= set(drawn)
    assert sum(name.startswith("distribution_") for name in drawn) == 1  # nothing has moved
    assert all(png.startswith(b"\x89PNG") for png in drawn.values())


def test_every_feature_that_drifted_too_far_is_drawn(lake, world, spec):
    moved = "amount_eur = amount_eur * 100, channel = 'wallet'"
    change(lake, f"UPDATE {CONTEXT} SET {moved} WHERE event_time >= TIMESTAMP '2026-02-24'")
    watch(spec, lake)
    drawn = {name for name in draw_pictures(spec, lake) if name.startswith("distribution_")}
    assert drawn == {"distribution_amount_eur", "distribution_channel"}

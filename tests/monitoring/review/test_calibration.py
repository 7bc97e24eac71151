"""Calibration on matured labels: errors are found, small samples not judged, each day stored."""

import numpy as np
import pytest

from lakehouse.lake import layout
from lakehouse.monitoring.plots import calibration_plot
from lakehouse.monitoring.review.calibration import (
    STRETCH_LENGTH,
    always_valid_interval,
    find_look_start,
    last_look,
)
from lakehouse.monitoring.review.step import review
from tests.monitoring.matured_lake import DAY, Bench, make_spec, on


def champion(lake, days, factor=1.0, matured=None):
    """One that predicts `factor` times the true probability, a fifth; `days` have been scored."""
    bench = Bench(lake, make_spec())
    bench.days(0, (matured or days) + 7)
    version = bench.version(1, state="champion")
    random = np.random.default_rng(5)
    scores = np.clip(factor * random.normal(0.2, 0.01, days * bench.per_day), 0.01, 0.99)
    bench.log_predictions(version, range(days), scores)
    return bench


def found_by(bench, lake):
    return {one.name: one for one in review(bench.spec, lake).findings}["calibration"]


def stored(lake):
    with lake.reader() as cursor:
        query = f"SELECT * FROM {layout.CALIBRATION} ORDER BY day"
        return cursor.execute(query).to_arrow_table().to_pylist()


def test_correct_probabilities_pass_and_the_figures_are_stored(lake):
    bench = champion(lake, 30)
    found = found_by(bench, lake)
    assert (found.passed, found.cause) == (True, "")
    truth = bench.truth(range(30))["is_fraud"]
    (row,) = stored(lake)
    assert (row["day"], row["rows"], row["observed"]) == (on(29), 1800, truth.sum())
    assert row["ratio"] == found.value == pytest.approx(truth.sum() / row["expected"])
    assert row["low"] < 1 < row["high"]
    assert row["passed"]


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_halved_or_doubled_probabilities_are_found_without_a_rollback(lake, factor):
    found = found_by(champion(lake, 40, factor), lake)
    assert (found.passed, found.rollback, found.severity) == (False, False, "warn")
    assert found.value == pytest.approx(1 / factor, rel=0.1)
    assert found.bound == (1.25 if factor < 1 else 0.8)
    assert "were expected" in found.cause


def test_too_few_positives_do_not_pass_and_the_cause_gives_the_reason(lake):
    found = found_by(champion(lake, 3), lake)
    assert not found.passed
    assert found.cause.startswith("not judged: ")
    assert "50 are needed" in found.cause
    assert not stored(lake)[0]["passed"]


def test_a_look_covers_all_rows_since_the_test_until_looking_starts_over():
    tested = on(0)
    assert find_look_start(tested, on(1)) == tested
    assert find_look_start(tested, tested + STRETCH_LENGTH) == tested
    assert find_look_start(tested, tested + STRETCH_LENGTH + DAY) == tested + STRETCH_LENGTH


@pytest.mark.slow
def test_daily_looks_store_a_row_each_and_a_full_refresh_gives_the_same(lake):
    bench = champion(lake, 30, matured=20)
    review(bench.spec, lake)
    for day in range(27, 37):
        bench.days(day, day + 1)
        last = found_by(bench, lake)
    rows = stored(lake)
    with lake.reader() as cursor:
        assert last_look(cursor, rows[-1]["model"], rows[-1]["version"]) == rows[-1]
        assert last_look(cursor, rows[-1]["model"], "v9999") is None
    assert [row["day"] for row in rows] == [on(day) for day in range(19, 30)]
    assert [row["rows"] for row in rows] == [60 * day for day in range(20, 31)]
    review(bench.spec, lake, full_refresh=True)
    assert stored(lake) == rows
    assert found_by(bench, lake) == last


@pytest.mark.parametrize(("observed", "expected"), [(0, 40.0), (60, 40.0), (500, 510.0)])
def test_the_interval_contains_its_value_and_widens_with_clustering(observed, expected):
    single, clustered = (always_valid_interval(observed, expected, effect) for effect in (1.0, 4.0))
    assert clustered.low <= single.low <= single.value <= single.high < clustered.high
    assert single.value == observed / expected


def test_the_plot_shows_looks_with_interval_and_allowed_range():
    days = [on(day) for day in range(20, 24)]
    ratio = np.array([1.1, 1.05, 1.0, 1.02])
    picture = calibration_plot(days, ratio, 0.7 * ratio, 1.4 * ratio, 1.25)
    assert picture.png().startswith(b"\x89PNG")
    assert picture.alt == (
        "Observed over expected positives at 4 looks, 1.02 (0.71 to 1.43) at the last."
    )

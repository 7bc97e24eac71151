"""One commit for each day that has matured; running again, or day by day, changes nothing."""

import pytest

from lakehouse.lake import layout
from lakehouse.monitoring.review.step import review
from lakehouse.registry import NoChampion, promote
from tests.monitoring.matured_lake import Bench, at, make_spec, on


def rows_of(lake, table):
    if not lake.exists(table):
        return []
    with lake.reader() as cursor:
        columns = "* EXCLUDE (run_id)" if table == layout.FINDINGS else "*"
        query = f"SELECT {columns} FROM {table} ORDER BY ALL"
        return cursor.execute(query).to_arrow_table().to_pylist()


def everything(lake):
    kept = (layout.PERFORMANCE, layout.COMPARISONS, layout.FAIRNESS, layout.FINDINGS)
    kept += (layout.CALIBRATION,)
    return {table: rows_of(lake, table) for table in kept}


@pytest.fixture
def bench(lake):
    """A champion with its predecessor and a shadow scoring in parallel, for sixty days."""
    groups = {"who": {"table": "core.fct_transactions", "column": "customer_id", "bins": [15]}}
    bench = Bench(lake, make_spec(fairness={"groups": groups, "limit": 0.1, "min_positives": 20}))
    bench.days(0, 20)
    before = bench.version(1, 0, state="champion")
    champion = bench.version(2, 0, state="champion")
    shadow = bench.version(3, 4, state="shadow")
    for version, skill in ((champion, 2.0), (before, 1.0), (shadow, 2.0)):
        bench.log_predictions(version, range(60), skill, in_shadow=version is not champion)
    return bench


def test_every_scoring_version_is_evaluated_in_its_role(bench, lake):
    report = review(bench.spec, lake)
    assert (report.until, report.new_days) == (on(13), 13)
    performance = rows_of(lake, layout.PERFORMANCE)
    ap = [row for row in performance if row["metric"] == "average_precision"]
    assert {(row["role"], row["version"]) for row in ap} == {
        ("champion", "v0002"),
        ("predecessor", "v0001"),
        ("shadow", "v0003"),
    }
    assert min(
        row["start"] for row in ap if row["role"] == "shadow" and row["period"] == "day"
    ) == on(4)
    assert {one.version: one.role for one in report.compared} == {
        "v0001": "predecessor",
        "v0003": "shadow",
    }
    names = {one.name for one in report.findings}
    assert names == {"calibration", "fairness", "matured_performance"}
    (fair,) = rows_of(lake, layout.FAIRNESS)
    assert (fair["grouped_by"], fair["verdict"]) == ("who", "not shown to exceed")


def test_a_second_review_changes_nothing_and_creates_no_snapshot(bench, lake):
    snapshot = lake.snapshot()
    first = review(bench.spec, lake)
    assert lake.snapshot() == snapshot + 1, "one review is one commit"
    before = everything(lake)
    again = review(bench.spec, lake)
    assert again.new_days == 0
    assert (again.compared, again.findings) == (first.compared, first.findings)
    assert lake.snapshot() == snapshot + 1
    assert everything(lake) == before


@pytest.mark.slow
def test_daily_reviews_give_the_same_days_and_weeks_as_one_review(bench, lake):
    review(bench.spec, lake)
    for first, last in ((20, 21), (21, 25), (25, 60)):
        bench.days(first, last)
        report = review(bench.spec, lake)
    assert (report.until, report.new_days) == (on(53), 35)
    piecemeal = everything(lake)
    days = {row["day"] for row in piecemeal[layout.COMPARISONS]}
    assert days == {on(13), on(14), on(18), on(53)}
    review(bench.spec, lake, full_refresh=True)
    assert everything(lake) == piecemeal


def test_a_new_champion_is_judged_on_what_it_decided(bench, lake):
    review(bench.spec, lake)
    promote(lake, "detector", "v0003", who="me", why="so", now=at(20))
    bench.days(20, 21)
    report = review(bench.spec, lake)
    assert report.champion == "v0003"
    assert report.findings == review(bench.spec, lake).findings
    assert report.compared == (), "it has decided nothing yet, so there are no pairs"
    performance = [row for row in rows_of(lake, layout.PERFORMANCE) if row["role"] == "champion"]
    assert {row["version"] for row in performance} == {"v0002"}


def test_a_champion_far_below_its_test_result_is_found(lake):
    gates = [{"metric": "average_precision", "at_least": 0.3}]
    bench = Bench(lake, make_spec(gates=gates))
    bench.days(0, 40)
    version = bench.version(1, state="champion")
    bench.log_predictions(version, range(40), 0.0)
    names = {one.name: one for one in review(bench.spec, lake).findings}
    found = names["matured_performance"]
    assert (found.passed, found.rollback, found.day) == (False, True, on(32))
    assert "0.5" in found.cause, "what its test promised"


def test_a_grouping_that_decides_by_group_is_found(lake):
    groups = {"who": {"table": "core.fct_transactions", "column": "customer_id", "bins": [15]}}
    bench = Bench(lake, make_spec(fairness={"groups": groups, "limit": 0.1, "min_positives": 20}))
    bench.days(0, 30)
    version = bench.version(1, state="champion")
    rows = bench.truth(range(23))
    bench.log_predictions(version, range(23), (rows["customer_id"] < 15) * 0.95)
    found = {one.name: one for one in review(bench.spec, lake).findings}["fairness"]
    assert not found.passed
    assert "who" in found.cause


def test_too_few_positives_are_not_judged_and_do_not_pass(lake):
    groups = {"who": {"table": "core.fct_transactions", "column": "customer_id", "bins": [15]}}
    fairness = {"groups": groups, "limit": 0.1, "min_positives": 1000}
    bench = Bench(lake, make_spec(fairness=fairness, shadow={"min_positives": 1000}))
    bench.days(0, 12)
    bench.log_predictions(bench.version(1, state="champion"), range(12), 1.0)
    found = review(bench.spec, lake).findings
    assert {one.name for one in found} == {"calibration", "fairness", "matured_performance"}
    for one in found:
        assert one.passed is None
        assert one.value is None
        assert one.cause.startswith("not judged: ")


def test_without_labels_or_champion_nothing_is_reported(lake):
    bench = Bench(lake, make_spec())
    with pytest.raises(NoChampion):
        review(bench.spec, lake)
    bench.days(0, 5)
    bench.version(1, state="champion")
    snapshot = lake.snapshot()
    report = review(bench.spec, lake)
    assert (report.new_days, report.compared, report.findings) == (0, (), ())
    assert lake.snapshot() == snapshot

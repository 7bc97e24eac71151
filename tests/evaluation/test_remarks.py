"""Remarks: which findings produce a remark for the reviewer, and which do not."""

import pytest

from lakehouse.evaluation.document import Calibration, Evaluation, Interval
from lakehouse.evaluation.remarks import find_remarks
from lakehouse.evaluation.report import sections
from lakehouse.evaluation.report.page import Table, Text
from lakehouse.evaluation.report.review_sections import (
    capacity,
    labels,
    proxies,
    remarks_section,
    row_counts,
    stability,
    stress,
)
from lakehouse.evaluation.review_document import (
    CapacityCurve,
    CapacityPoint,
    LabelRisk,
    Proxy,
    Refit,
    Review,
    RowCount,
    Stability,
    StressResult,
)


def evaluation(alerts=100.0, calibration=None, **review) -> Evaluation:
    curve = CapacityCurve(declared=100, days=14, points=(), curve=())
    return Evaluation(
        metrics={"test": {"alerts_per_day": alerts}},
        calibration=calibration,
        review=Review(**{"capacity": curve, "stress_metric": "average_precision", **review}),
    )


def topics(found: Evaluation) -> list[str]:
    return [one.topic for one in find_remarks(found)]


@pytest.mark.parametrize(("alerts", "noted"), [(84, 1), (86, 0), (100, 0), (114, 0), (116, 1)])
def test_alerts_more_than_fifteen_per_cent_off_the_capacity_get_a_remark(alerts, noted):
    assert topics(evaluation(alerts)) == ["capacity"] * noted


def test_the_remark_states_amount_and_direction():
    (one,) = find_remarks(evaluation(30.0))
    assert "30 alerts a day" in one.text
    assert "70% fewer than the capacity of 100" in one.text


@pytest.mark.parametrize(("low", "high", "noted"), [(0.8, 1.2, 0), (1.1, 1.4, 1), (0.5, 0.9, 1)])
def test_scores_that_do_not_add_up_to_the_positives_get_a_remark(low, high, noted):
    ratio = Interval(value=(low + high) / 2, low=low, high=high)
    found = Calibration(error_before=0, error_after=0, bins=(), observed_over_expected=ratio)
    assert topics(evaluation(calibration=found)) == ["calibration"] * noted


def refit(kind, agree):
    return Refit(kind=kind, name="1", value=0.5, rank=0.9, agree=agree)


@pytest.mark.parametrize(("kept", "noted"), [(0.65, 1), (0.75, 0)])
def test_alerts_that_depend_on_the_sample_get_a_remark(kept, noted):
    found = Stability(
        metric="auc_roc", value=0.5, refits=(refit("sample", kept), refit("seed", 0.1))
    )
    assert topics(evaluation(stability=found)) == ["stability"] * noted


def result(alerts, value=0.5, changed=1.0, kind="lost"):
    return StressResult(
        name="terminal_risk", kind=kind, changed=changed, value=value, alerts_per_day=alerts
    )


@pytest.mark.parametrize(
    ("one", "noted"),
    [
        (result(201), 1),
        (result(49), 1),
        (result(120), 0),
        (result(100, value=0.24), 1),
        (result(0, changed=0.0), 0),
    ],
)
def test_stress_that_changes_alerts_or_the_metric_a_lot_gets_a_remark(one, noted):
    usual = result(100, kind="none", changed=0.0)
    assert topics(evaluation(stress=(usual, one))) == ["stress"] * noted


def risk(late, reversed_share=0.0):
    return LabelRisk(
        metric="average_precision",
        value=0.5,
        positives={"train": 100},
        late=None if late is None else {"train": late},
        reversed=None,
        late_share=0.05 if not late else late / (100 + late),
        reversed_share=0.05,
        scenarios=(),
    )


@pytest.mark.parametrize(("late", "noted"), [(None, 0), (0, 0), (4, 0), (7, 1)])
def test_many_late_reports_get_a_remark_and_an_assumption_does_not(late, noted):
    assert topics(evaluation(labels=risk(late))) == ["labels"] * noted


@pytest.mark.parametrize(
    ("strength", "floor", "importance", "noted"),
    [(0.5, 0.1, 0.2, 1), (0.5, 0.1, 0.01, 0), (0.2, 0.1, 0.2, 0), (0.5, 0.6, 0.2, 0)],
)
def test_a_strong_proxy_gets_a_remark_if_the_model_uses_it(strength, floor, importance, noted):
    one = Proxy(
        group="age_band", feature="n", strength=strength, floor=floor, importance=importance
    )
    assert topics(evaluation(proxies=(one,))) == ["proxies"] * noted


def test_parts_that_were_not_examined_are_listed():
    texts = " ".join(b.text for b in remarks_section(evaluation()) if isinstance(b, Text))
    for expected in ("judging.money", "judging.refits", "stress", "proxies"):
        assert expected in texts
    empty = remarks_section(Evaluation(metrics={}))
    assert "stability over refits" in empty[1].text


def test_sections_without_results_state_that():
    nothing = Evaluation(metrics={})
    for blocks in (capacity(None, ()), stability(nothing), stress(nothing), labels(None)):
        (only,) = blocks
        assert only.text.startswith("No ")
    assert proxies(()) == []
    assert row_counts(()) == []


def test_groups_without_a_proxy_are_named_outside_the_table():
    weak = Proxy(group="age", feature="n", strength=0.05, floor=0.1, importance=0.5)
    strong = Proxy(group="sex", feature="n", strength=0.5, floor=0.1, importance=0.5)
    text, table = proxies((weak, strong))
    assert "No feature predicts the age better than chance" in text.text
    assert [row[:2] for row in table.rows] == [("sex", "n")]


def test_money_is_written_in_its_unit():
    point = CapacityPoint(
        alerts=50, precision=0.5, recall=None, caught=123_456, caught_share=None, net=-5_000
    )
    curve = CapacityCurve(
        declared=50, days=2, points=(point,), curve=(), unit="euro", scale=2, total=200_000,
        alert_costs=250, peak=None,
    )  # fmt: skip
    table, text = capacity(curve, ())
    assert isinstance(table, Table)
    assert table.rows == (("50 (declared)", "0.5000", "–", "1,235", "–", "-50"),)
    assert "minus 2.50 euro for reviewing each alert" in text.text


def test_rows_are_counted_from_the_lake_to_the_trees():
    one = RowCount(period="train", landed=100, sampled_out=40, unlabelled=10, used=50)
    (table,) = row_counts((one,))
    assert table.rows == (("Training", "100", "40", "0", "10", "0", "0", "50"),)


def test_calibration_is_reported_as_a_ratio_and_a_slope():
    ratio = Interval(value=1.1, low=0.9, high=1.3)
    found = Calibration(
        error_before=0.02, error_after=0.01, bins=(), observed_over_expected=ratio, slope=0.95
    )
    (text,) = sections.calibration_facts(evaluation(calibration=found))
    assert "1.1 [0.9000, 1.3]" in text.text
    assert "0.9500 (both ideally 1)" in text.text

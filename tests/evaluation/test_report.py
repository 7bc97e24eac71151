import re
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pytest

from lakehouse.evaluation import plots
from lakehouse.evaluation.document import (
    Calibration,
    Comparison,
    Evaluation,
    FairnessResult,
    GroupRates,
    Interval,
    Probe,
    SegmentMetrics,
    Week,
)
from lakehouse.evaluation.report import (
    Badge,
    Facts,
    Figure,
    Mark,
    Page,
    Section,
    Table,
    Text,
    render,
    sections,
)
from lakehouse.evaluation.report.formatting import interval, metric_name, number, share

VOID = {"meta", "link", "br", "img"}


class Checker(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(html: str) -> str:
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    return " ".join(" ".join(checker.text).split())


def between(value: float, half: float = 0.05) -> Interval:
    return Interval(value=value, low=value - half, high=value + half)


def page(*blocks, **changes) -> Page:
    values = {
        "title": "detector",
        "subtitle": "v0001",
        "intro": "Finds fraud",
        "badges": (Badge("Gates", "1 of 2 passed", "bad"), Badge("State", "candidate", "plain")),
        "facts": Facts((("Owner", "team:fraud"),)),
        "sections": (Section("What it looks at", blocks),),
    }
    return Page(**values | changes)


EVALUATION = Evaluation(
    metrics={
        "validation": {"rows": 50.0, "auc_roc": 0.8},
        "test": {"rows": 100.0, "auc_roc": 0.75, "f1": None, "baseline_auc_roc": 0.5},
    },
    intervals={"auc_roc": between(0.75)},
    segments=(
        SegmentMetrics(
            column="channel", value="a<b", rows=60, positives=9, metrics={"auc_roc": between(0.7)}
        ),
        SegmentMetrics(
            column="channel", value="chip", rows=40, positives=0, metrics={"auc_roc": None}
        ),
    ),
    comparisons=(
        Comparison(
            against="champion",
            version="v0000",
            metric="auc_roc",
            ours=0.75,
            theirs=0.8,
            difference=between(-0.05, 0.01),
            rows=100,
            positives=9,
            verdict="worse",
        ),
    ),
    fairness=(
        FairnessResult(
            column="age_band",
            groups=tuple(
                GroupRates(
                    value=name,
                    rows=50,
                    positives=positives,
                    counted=positives > 4,
                    selection_rate=between(0.1),
                    tpr=between(0.5) if positives else None,
                    fpr=between(0.05),
                )
                for name, positives in (("<30", 7), ("30+", 0))
            ),
            equalized_odds_difference=None,
            demographic_parity_difference=None,
            limit=0.1,
            verdict="insufficient",
        ),
    ),
    probes=(
        Probe(name="lone_feature", value=0.97, bound=0.95, passed=False, explanation="risk leaks"),
    ),
    overfitting_gap={"auc_roc": 0.05},
    calibration=Calibration(error_before=0.02, error_after=0.01, bins=()),
    by_week=tuple(Week(start=date(2026, 1, d), metrics={"auc_roc": 0.7}) for d in (1, 8)),
)


def test_a_page_loads_nothing_and_runs_nothing():
    figure = Figure((plots.roc_plot(np.arange(20) > 15, np.linspace(0, 1, 20)),))
    html = render(page(figure, Text("see https://example.org"), Table(("a",), (("b",),))))
    assert "<script" not in html
    assert not re.findall(r'(?:src|href)="(?!#|data:)', html)
    assert "@import" not in html
    assert "url(" not in html.replace("url(#", "")
    assert "default-src 'none'" in html


def test_a_page_is_well_formed_and_contains_all_its_text():
    figure = Figure((plots.roc_plot(np.arange(20) > 15, np.linspace(0, 1, 20)),))
    table = Table(("Name", "Value"), (("depth", "6"), (Mark("failed", "bad"), "7")), "Parameters")
    text = read(render(page(figure, table, Text("A paragraph"), Facts((("Hash", "abc"),), True))))
    for expected in (
        "detector",
        "v0001",
        "Finds fraud",
        "Owner team:fraud",
        "ROC curve",
        "Parameters",
    ):
        assert expected in text
    for expected in ("A paragraph", "Hash abc", "depth 6", "✗ failed 7", "Gates ✗ 1 of 2 passed"):
        assert expected in text


def test_text_from_declarations_is_escaped():
    evil = "<script>alert('x')</script>"
    html = render(page(Text(evil), Table((evil,), ((evil,),), evil), title=evil, intro=evil))
    assert "<script" not in html
    assert read(html).count(evil) == 7  # title (twice), intro, and the blocks


def test_a_verdict_is_shown_by_a_sign_and_not_by_colour_alone():
    html = render(page(Table(("Verdict",), ((Mark("insufficient", "unsure"),),))))
    assert "? insufficient" in read(html)


def test_every_section_is_linked_from_the_head():
    html = render(page(sections=(Section("Data", ()), Section("Lineage, hashes", ()))))
    for link in re.findall(r'href="#([^"]+)"', html):
        assert f'id="{link}"' in html
    assert len(re.findall(r'href="#', html)) == 2


def test_the_metrics_table_has_interval_and_baseline_next_to_each_metric():
    table = sections.metrics_table(EVALUATION.metrics, EVALUATION.intervals, "auc_roc")
    assert table.head == ("Metric", "Validation", "Test", "Interval on test", "Baseline")
    cells = {row[0]: row[1:] for row in table.rows}
    area = next(row for name, row in cells.items() if str(name).startswith("Area under ROC"))
    assert area == ("0.8000", "0.7500", "[0.7000, 0.8000]", "0.5000")
    assert next(row for name, row in cells.items() if str(name).startswith("F1"))[1] == "–"
    assert not any("aseline" in str(name) for name in cells)


def test_a_regression_is_shown_next_to_the_best_naive_forecast():
    test = {"mae": 4.0, "naive_last_mae": 7.0, "naive_mean_mae": 5.0, "naive_last_rmse": 1.0}
    table = sections.metrics_table({"test": test}, {}, "mae")
    assert table.rows[0][-1] == "5"


def test_sections_show_the_contents_of_an_evaluation():
    segments = sections.segments_pictures(EVALUATION, "auc_roc")
    fair = tuple(map(sections.fairness_picture, EVALUATION.fairness))
    blocks = [
        *sections.comparisons(EVALUATION.comparisons),
        *sections.segments(EVALUATION, tuple(segments.values())),
        *sections.fairness(EVALUATION.fairness, fair),
        *sections.probes(EVALUATION.probes, EVALUATION.overfitting_gap),
        *sections.weeks(EVALUATION),
        *sections.calibration_facts(EVALUATION),
    ]
    text = read(render(page(*blocks)))
    for expected in (
        "Champion v0000 Area under ROC ✗ worse 0.7500 0.8000 -0.0500 [-0.0600, -0.0400]",
        "channel a<b 60 9 0.7000 [0.6500, 0.7500]",
        "channel chip 40 0 –",
        "age band ? insufficient 1 of 2 – –",
        "lone feature ✗ failed risk leaks 0.9700 0.9500",
        "2026-01-08 0.7000",
        "0.0200 without the calibrator, 0.0100 with it",
        "hollow: too few positives",
    ):
        assert expected in text


def test_missing_results_are_stated_and_not_invented():
    nothing = Evaluation(metrics={})
    for blocks in (
        sections.comparisons(nothing.comparisons),
        sections.segments(nothing, ()),
        sections.fairness(nothing.fairness, ()),
        sections.probes(nothing.probes, nothing.overfitting_gap),
        sections.weeks(nothing),
    ):
        (only,) = blocks
        assert isinstance(only, Text)
        assert re.search(r"\b(No|none)\b", only.text)
    assert sections.calibration_facts(nothing) == []
    assert sections.segments_pictures(nothing, "auc_roc") == {}
    assert sections.weeks_picture(nothing, "auc_roc", {}, date(2026, 1, 1)) is None


def test_a_group_without_a_rate_leaves_a_gap_in_the_picture_and_keeps_its_label():
    figure = sections.fairness_picture(EVALUATION.fairness[0]).figure
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert [label.split("\n")[0] for label in labels] == ["30+", "<30"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (17_223.0, "17,223"),
        (0.65674, "0.6567"),
        (0.00338912, "0.003389"),
        (161.44, "161.4"),
        (12_345.6, "12,346"),
        (-0.02, "-0.0200"),
    ],
)
def test_numbers_are_written_with_their_leading_digits(value, text):
    assert number(value) == text


def test_shares_intervals_and_metric_names_are_formatted():
    assert share(0.0043) == "0.43%"
    assert share(0.25) == "25.0%"
    assert interval(between(0.5)) == "0.5000 [0.4500, 0.5500]"
    assert interval(None) == "–"
    assert metric_name("auc_roc") == "Area under ROC"
    assert metric_name("brand_new_metric") == "Brand new metric"


def test_hostile_names_are_escaped_in_the_page_and_in_its_pictures():
    hostile = "<script>alert(1)</script><b>[/x] $\\frac{$ & \"'"
    picture = plots.interval_plot(
        hostile, {hostile: [plots.Estimate(hostile, 0.5, 0.4, 0.6)] * 2}, reference=0.5
    )
    page = Page(
        hostile,
        hostile,
        hostile,
        (Badge(hostile, hostile, "good"),),
        Facts(((hostile, hostile),)),
        (
            Section(
                hostile,
                (
                    Text(hostile),
                    Facts(((hostile, hostile),), code=True),
                    Table((hostile,), ((hostile,), (Mark(hostile, "bad"),)), hostile),
                    Figure((picture,)),
                ),
            ),
        ),
    )
    html = render(page)
    assert "<script" not in html
    assert "<b>[" not in html
    assert 'aria-label="Intervals' in html or "aria-label=" in html
    assert "frac" in picture.svg()
    assert len(picture.png()) > 1000
    # title, subtitle, intro, badge and so on, and the picture's: read back as written
    assert read(html).count(hostile) >= 15


def test_dollars_in_names_are_not_formulas_and_powers_are_superscripts():
    rows = [plots.Estimate("$10 to $20", 0.5, 0.4, 0.6), plots.Estimate("$\\x$", 0.5, 0.4, 0.6)]
    svg = plots.interval_plot("by price", {"rate": rows}).svg()
    assert ">$10 to $20<" in svg
    assert ">$\\x$<" in svg
    scores = np.concatenate([np.full(2_000, 0.05), np.full(10, 0.9)])
    svg = plots.score_histogram(scores > 0.5, scores).svg()
    assert "10³" in svg
    assert "$" not in svg

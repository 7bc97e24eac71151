import re
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from lakehouse.evaluation import plots
from lakehouse.evaluation.explanations import ShapSummary

RANDOM = np.random.default_rng(0)
SCORE = RANDOM.random(500)
TRUTH = RANDOM.random(500) < SCORE * 0.3
LONG = "share_of_transactions_abroad_28d"
MATRIX = np.where(RANDOM.random((80, 3)) < 0.1, np.nan, RANDOM.random((80, 3))).astype(np.float32)
CLASSES = ["amount_outlier", "terminal_compromise", "card_testing"]


def summary(outputs: tuple[str, ...]) -> ShapSummary:
    moved = RANDOM.normal(size=(len(outputs), 80, 3))
    return ShapSummary((LONG, "b<&>", "c"), outputs, "Contribution (log odds)", MATRIX, moved)


def estimates(*labels: str) -> list[plots.Estimate | None]:
    return [plots.Estimate(label, 0.012, 0.0105, 0.0161, i == 1) for i, label in enumerate(labels)]


GROUPS = [f"{name}\n12,345 rows, 1,234 pos." for name in ("electronics and comput…", "b", "c")]
PICTURES = {
    "roc": lambda: plots.roc_plot(TRUTH, SCORE),
    "precision_recall": lambda: plots.precision_recall_plot(TRUTH, SCORE, 0.8),
    "scores": lambda: plots.score_histogram(TRUTH, SCORE, 0.8),
    "calibration": lambda: plots.calibration_plot(
        TRUTH, {"as used": SCORE * 0.3, "without calibrator": SCORE}
    ),
    "forecast": lambda: plots.forecast_plot(SCORE * 100, SCORE * 90 + 5, "euro"),
    "errors": lambda: plots.residual_plot(SCORE * 100, SCORE * 90 + 5, "euro"),
    "confusion": lambda: plots.confusion_plot(np.arange(500) % 3, RANDOM.random((500, 3)), CLASSES),
    "importance": lambda: plots.importance_plot({f"{LONG}{i}": float(i) for i in range(30)}, 500),
    "shap": lambda: plots.shap_plot(summary(("",))),
    "shap_of_classes": lambda: plots.shap_plot(summary(tuple(CLASSES))),
    "history": lambda: plots.metric_history_plot(
        "Area under ROC",
        [datetime(2026, 1, 1) + timedelta(days=7 * i) for i in range(10)],
        [0.8, None, 0.9, *[0.7] * 7],
        [f"v{i:04d}" for i in range(10)],
        [16_103.0] * 10,
    ),
    "search": lambda: plots.search_plot(
        "Average precision", range(5), [0.5, None, 0.6, 0.4, 0.7], [True, False, True, False, True]
    ),
    "groups": lambda: plots.interval_plot(
        "Rates by age band, 95 % intervals\nhollow: too few",
        {name: estimates(*GROUPS) for name in ("flagged", "true positives", "false positives")},
    ),
    "segments": lambda: plots.interval_plot(
        "Average precision by channel", {"AP": estimates(*GROUPS)}, 0.013
    ),
    "weeks": lambda: plots.weeks_plot(
        "Average precision",
        [(date(2026, 1, 1) + timedelta(days=7 * i), 0.5, 8000 + i) for i in range(12)],
        date(2026, 3, 1),
    ),
}


@pytest.fixture(scope="module", params=PICTURES)
def drawn(request):
    return PICTURES[request.param]()


@pytest.fixture(scope="module")
def seen():
    """The meaning of each id in earlier pictures."""
    return {}


@pytest.fixture(scope="module")
def svg(drawn):
    return drawn.svg()


def test_every_picture_is_a_png_that_differs_from_an_empty_one(drawn):
    png = drawn.png()
    assert png.startswith(b"\x89PNG")
    assert len(png) > 6_000


def test_every_picture_has_a_one_line_text_alternative(drawn):
    assert len(drawn.alt) > 10
    assert "\n" not in drawn.alt


@pytest.mark.parametrize("name", ["roc", "shap", "groups"])
def test_inline_pictures_are_repeatable(name, monkeypatch):
    from lakehouse.evaluation.plots import canvas

    monkeypatch.setattr(f"{__name__}.RANDOM", np.random.default_rng(0))
    first = PICTURES[name]()
    assert first.svg() == first.svg()
    monkeypatch.setattr(f"{__name__}.RANDOM", np.random.default_rng(0))
    assert PICTURES[name]().svg() == first.svg()
    assert canvas.INK not in first.svg()


def test_inline_pictures_take_the_size_and_the_colour_of_the_page(svg):
    assert svg.startswith("<svg")
    assert "currentColor" in svg
    assert 'width="' not in svg.split(">", 1)[0]
    assert re.search(r"viewBox=", svg.split(">", 1)[0])


def test_inline_pictures_load_nothing_and_run_nothing(svg):
    assert "<script" not in svg
    references = re.findall(r'(?:href|src)="([^"#]{1,40})', svg)
    assert all(reference.startswith("data:image/png") for reference in references)


def test_no_id_has_two_meanings_across_the_pictures_of_a_page(svg, seen):
    for element, name in re.findall(r'(<[^>]*? id="([^"]+)".*?>)', svg, flags=re.S):
        assert seen.setdefault(name, element) == element


def test_no_label_is_cut_at_the_edge_of_a_picture(drawn):
    within = drawn.figure.get_tightbbox()
    width, height = drawn.figure.get_size_inches()
    assert within.x0 > -0.02
    assert within.y0 > -0.02
    assert within.x1 < width + 0.02
    assert within.y1 < height + 0.02


def test_no_two_labels_of_an_axis_overlap(drawn):
    for axes in drawn.figure.axes:
        for axis, side in ((axes.xaxis, "x"), (axes.yaxis, "y")):
            labels = [text for text in axis.get_ticklabels() if text.get_text()]
            if any(text.get_rotation() for text in labels):
                continue
            low, high = sorted(axis.get_view_interval())
            shown = [t for t in labels if low <= t.get_position()[side == "y"] <= high]
            boxes = sorted(
                (t.get_window_extent() for t in shown), key=lambda b: getattr(b, f"{side}0")
            )
            for one, after in pairwise(boxes):
                assert getattr(one, f"{side}1") <= getattr(after, f"{side}0") + 1


def test_a_name_longer_than_the_figure_is_still_drawn():
    drawn = plots.importance_plot({"x" * 200: 1.0, "y": 2.0}, 500)
    assert drawn.png().startswith(b"\x89PNG")


def test_names_are_escaped_as_text():
    svg = plots.shap_plot(summary(("",))).svg()
    assert "b<&>" not in svg
    assert "b&lt;&amp;&gt;" in svg


def test_thinned_curves_keep_both_ends_and_the_area():
    random = np.random.default_rng(1)
    score = random.random(50_000)
    truth = random.random(50_000) < score**8
    line = plots.roc_plot(truth, score).figure.axes[0].lines[0]
    x, y = line.get_data()
    assert len(x) < 1_000
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    area = float(line.get_label().rsplit(" ", 1)[1])
    assert np.trapezoid(y, x) == pytest.approx(area, abs=0.003)


def test_calibration_bins_hold_equal_shares_of_the_expected_positives():
    score = np.concatenate([np.full(9_000, 0.001), np.full(90, 0.1), np.full(18, 0.5)])
    truth = np.zeros(len(score), dtype=bool)
    truth[[0, 1, 9_001, 9_095, 9_100]] = True
    bars = plots.calibration_plot(truth, {"as used": score}).figure.axes[0].containers[0]
    predicted = bars.lines[0].get_xdata()
    assert predicted[0] == pytest.approx(0.001)
    assert predicted[-1] == pytest.approx(0.5)
    assert (np.diff(predicted) >= 0).all()


def test_pictures_do_not_change_the_global_style():
    import matplotlib

    before = matplotlib.rcParams["font.size"]
    plots.roc_plot(TRUTH, SCORE).svg()
    assert matplotlib.rcParams["font.size"] == before

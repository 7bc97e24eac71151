"""The decision about an evaluated version; the registry's tests cover the moves."""

from dataclasses import replace
from datetime import datetime

import pytest

from lakehouse.evaluation.document import Comparison, Evaluation, Interval
from lakehouse.lake import Author
from lakehouse.registry import GateResult, Version
from lakehouse.registry.promotion import promote_in
from lakehouse.registry.versions import register
from lakehouse.training.judging.decision import decide, judge_comparison

AT = datetime(2026, 5, 1)
PASSED = GateResult("a", "auc_roc", 0.9, 0.5, True)
FAILED = replace(PASSED, gate="b", passed=False)


VERSION = Version(
    model="detector",
    version="v0001-aaaa",
    number=1,
    state="candidate",
    created_at=AT,
    run_id="",
    snapshot=1,
    training_set_id="t",
    training_set_hash="t",
    split={},
    code_version="",
    code_hash="",
    config_hash="",
    feature_schema_hash="",
    params={},
    metrics={},
    artefact="detector/v0001-aaaa",
    files={"model.json": "0"},
)
OURS = replace(VERSION, version="v0002-bbbb", number=2)


@pytest.fixture
def champion(lake):
    with lake.writer(Author("test")) as writer:
        register(writer, VERSION, "test", "test")
        promote_in(writer, "detector", VERSION.version, "test", "test", {}, AT)
    return VERSION.version


def compared(ours, theirs, *, low=None, high=None, metric="average_precision", **changes):
    is_defined = ours is not None and theirs is not None
    value = ours - theirs if is_defined else 0.0
    reach = Interval(value=value, low=value - 0.01, high=value + 0.01)
    if low is not None:
        reach = Interval(value=value, low=low, high=high)
    values = {
        "against": "champion",
        "version": VERSION.version,
        "metric": metric,
        "ours": ours,
        "theirs": theirs,
        "difference": reach if is_defined else None,
        "rows": 1000,
        "positives": 100,
        "verdict": "no difference shown",
    }
    return Comparison(**values | changes)


def evaluation(ours, theirs, **changes):
    metrics = {"test": {"average_precision": ours, "auc_roc": 0.8}}
    return Evaluation(metrics=metrics, comparisons=(compared(ours, theirs, **changes),))


@pytest.mark.parametrize(
    ("rule", "ours", "theirs", "state"),
    [
        ("better", 0.6, 0.5, "champion"),
        ("better", 0.505, 0.5, "candidate"),
        ("better", 0.4, 0.5, "candidate"),
        ("better", 0.6, None, "candidate"),
        ("shadow", 0.6, 0.5, "shadow"),
        ("shadow", 0.4, 0.5, "shadow"),
        ("manual", 0.6, 0.5, "candidate"),
    ],
)
def test_the_rule_decides_after_the_gates_pass(lake, champion, detector, rule, ours, theirs, state):
    spec = detector(promotion={"rule": rule})
    decision = decide(spec, lake, OURS, evaluation(ours, theirs), [PASSED])
    assert decision.state == state
    if rule == "better":
        assert decision.evidence["champion"] == champion
        assert (decision.evidence["candidate"], decision.evidence["champion_value"]) == (
            ours,
            theirs,
        )
    failed = decide(spec, lake, OURS, evaluation(ours, theirs), [PASSED, FAILED])
    assert (failed.state, failed.why) == ("candidate", "failed b")


CONCLUSIVE = Evaluation(metrics={"test": {"average_precision": 0.5, "auc_roc": 0.8}})


@pytest.mark.parametrize(
    ("rule", "state"),
    [("better", "champion"), ("shadow", "champion"), ("manual", "candidate")],
)
def test_without_a_champion_the_first_passing_version_is_promoted_unless_manual(
    lake, detector, rule, state
):
    spec = detector(promotion={"rule": rule})
    assert decide(spec, lake, OURS, CONCLUSIVE, [PASSED]).state == state
    assert decide(spec, lake, OURS, CONCLUSIVE, [FAILED]).state == "candidate"


@pytest.mark.parametrize("rule", ["better", "shadow", "manual"])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "test", [{}, {"auc_roc": None, "average_precision": 0.9}, {"auc_roc": 0.9}]
)
def test_inconclusive_test_rows_promote_no_version(lake, detector, request, rule, first, test):
    """No positives (no AUC), or no value of the metric, with any gates or none."""
    if not first:
        request.getfixturevalue("champion")
    spec = detector(promotion={"rule": rule})
    known = Evaluation(metrics={"test": test}, comparisons=(compared(0.9, 0.1),))
    for gates in ([PASSED], []):
        decision = decide(spec, lake, OURS, known, gates)
        assert decision.state == "candidate"
        assert decision.why.startswith("not promoted: ")


@pytest.mark.parametrize(
    ("rule", "state"), [("better", "candidate"), ("shadow", "shadow"), ("manual", "candidate")]
)
def test_the_rule_applies_when_the_champion_cannot_be_compared(
    lake, champion, detector, rule, state
):
    """The champion's artefact is missing; the evaluation compares with another version."""
    other = evaluation(0.9, 0.1, against="last", version="v0009-cccc")
    decision = decide(detector(promotion={"rule": rule}), lake, OURS, other, [PASSED])
    assert decision.state == state
    if rule == "better":
        assert "artefact" in decision.why
        assert f"lakehouse models promote detector {OURS.version}" in decision.why
    assert decision.champion in (champion, None)


@pytest.mark.parametrize(
    ("metric", "low", "high", "margin", "better"),
    [
        ("average_precision", 0.001, 0.2, 0.0, True),
        ("average_precision", 0.0, 0.2, 0.0, False),
        ("average_precision", 0.02, 0.2, 0.05, False),
        ("average_precision", 0.06, 0.2, 0.05, True),
        ("average_precision", -0.01, 0.2, -0.02, True),
        ("average_precision", -0.03, 0.2, -0.02, False),
        ("mae", -0.2, -0.001, 0.0, True),
        ("mae", -0.2, 0.01, 0.0, False),
        ("mae", -0.2, 0.01, -0.02, True),
        ("mae", -0.2, -0.01, 0.02, False),
        ("mae", 0.1, 0.2, 0.0, False),
    ],
)
def test_better_requires_the_whole_interval_beyond_the_margin(
    detector, forecast, metric, low, high, margin, better
):
    spec = (forecast if metric == "mae" else detector)(promotion={"margin": margin})
    middle = (low + high) / 2
    found = compared(0.5 + middle, 0.5, low=low, high=high, metric=metric)
    verdict, why, evidence = judge_comparison(spec, found)
    assert verdict == better
    assert why.startswith(f"{metric} {0.5 + middle:.4f} ")
    assert (" beats " in why) == better
    assert (evidence["low"], evidence["high"], evidence["margin"]) == (low, high, margin)
    few = judge_comparison(spec, found.model_copy(update={"verdict": "insufficient"}))
    assert not few[0]
    assert "50 are needed" in few[1]

"""What is decided about a version that was evaluated; the moves themselves are the registry's."""

from dataclasses import replace
from datetime import datetime

import pytest

from lakehouse.evaluation.document import Comparison, Evaluation
from lakehouse.lake import Author
from lakehouse.registry import GateResult, Version
from lakehouse.registry.promotion import promote_in
from lakehouse.registry.versions import register
from lakehouse.training.promote import compare, decide

AT = datetime(2026, 5, 1)
PASSED = GateResult("a", "auc_roc", 0.9, 0.5, True)
FAILED = replace(PASSED, gate="b", passed=False)


@pytest.fixture
def champion(lake):
    version = Version(
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
    with lake.writer(Author("test")) as writer:
        register(writer, version, "test", "test")
        promote_in(writer, "detector", version.version, "test", "test", {}, AT)
    return version.version


def evaluation(ours, theirs, against="champion", version="v0001-aaaa"):
    compared = Comparison(
        against=against,
        version=version,
        metric="average_precision",
        ours=ours,
        theirs=theirs,
        difference=None,
        rows=10,
        positives=1,
        verdict="insufficient",
    )
    metrics = {"test": {"average_precision": ours}}
    return Evaluation(metrics=metrics, comparisons=(compared,))


@pytest.mark.parametrize(
    ("rule", "ours", "theirs", "state"),
    [
        ("better", 0.6, 0.5, "champion"),
        ("better", 0.5, 0.5, "candidate"),
        ("better", 0.4, 0.5, "candidate"),
        ("better", None, 0.5, "candidate"),
        ("shadow", 0.6, 0.5, "shadow"),
        ("shadow", 0.4, 0.5, "shadow"),
        ("manual", 0.6, 0.5, "candidate"),
    ],
)
def test_the_rule_decides_once_the_gates_passed(
    lake, champion, detector, rule, ours, theirs, state
):
    spec = detector(promotion={"rule": rule})
    decision = decide(spec, lake, "t", evaluation(ours, theirs), [PASSED])
    assert decision.state == state
    if rule == "better":
        assert decision.evidence["champion"] == champion
        assert (decision.evidence["candidate"], decision.evidence["champion_value"]) == (
            ours,
            theirs,
        )
    failed = decide(spec, lake, "t", evaluation(ours, theirs), [PASSED, FAILED])
    assert (failed.state, failed.why) == ("candidate", "failed b")


@pytest.mark.parametrize(
    ("rule", "state"),
    [("better", "champion"), ("shadow", "champion"), ("manual", "candidate")],
)
def test_without_a_champion_the_first_that_passes_decides_unless_by_hand(
    lake, detector, rule, state
):
    spec = detector(promotion={"rule": rule})
    assert decide(spec, lake, "t", Evaluation(metrics={}), [PASSED]).state == state
    assert decide(spec, lake, "t", Evaluation(metrics={}), [FAILED]).state == "candidate"


def test_a_champion_that_cannot_score_the_rows_gives_way(lake, champion, detector):
    """Here its artefact is not there; the comparison is with another version."""
    other = evaluation(0.1, 0.9, against="last", version="v0002-bbbb")
    decision = decide(detector(), lake, "t", other, [PASSED])
    assert decision.state == "champion"
    assert f"champion {champion} cannot score the rows: artefact" in decision.why


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "better"),
    [("average_precision", 0.6, 0.5, True), ("mae", 0.6, 0.5, False), ("mae", 0.4, 0.5, True)],
)
def test_better_is_lower_for_errors_and_higher_else(metric, ours, theirs, better):
    verdict, why, _ = compare(metric, ours, theirs, "v1")
    assert verdict == better
    assert ("beats" in why) == better

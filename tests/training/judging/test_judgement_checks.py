"""Checks with a verdict of an evaluation: they pass only if something was evaluated."""

import dagster as dg
import pytest

from lakehouse.evaluation.document import Evaluation, FairnessResult, Interval
from lakehouse.evaluation.review_document import CapacityCurve, Review, Stability
from lakehouse.orchestration.components.model_training import _fairness, _remarks

MODEL = dg.AssetKey(["models", "detector"])
EXAMINED = Stability(metric="auc_roc", value=0.9, refits=())


def fair(verdict: str, difference: Interval | None = None) -> FairnessResult:
    return FairnessResult(
        column="gender",
        groups=(),
        equalized_odds_difference=difference,
        demographic_parity_difference=None,
        limit=0.05,
        verdict=verdict,
    )


@pytest.mark.parametrize(
    ("verdicts", "passed"),
    [
        ([], False),
        (["insufficient"], False),
        (["within", "insufficient"], False),
        (["within", "exceeds"], False),
        (["within", "not shown to exceed"], True),
    ],
)
def test_fairness_passes_only_if_all_groups_were_compared(verdicts, passed):
    result = _fairness(MODEL, Evaluation(metrics={}, fairness=[fair(each) for each in verdicts]))
    assert (result.passed, result.severity) == (passed, dg.AssetCheckSeverity.WARN)


def test_an_interval_that_contains_the_limit_is_reported_as_inconclusive():
    wide = fair("not shown to exceed", Interval(value=0.15, low=0.0, high=0.3))
    text = _fairness(MODEL, Evaluation(metrics={}, fairness=[wide])).description
    assert text == (
        "gender: not shown to exceed 0.05, rates differ by 0.15 (95% interval 0.00 to 0.30)"
    )


def test_remarks_warn_of_anomalies_and_of_missing_examinations():
    never = _remarks(MODEL, Evaluation(metrics={}))
    assert (never.passed, never.description) == (False, "this version was never examined")
    calm = _remarks(MODEL, Evaluation(metrics={}, review=Review(stability=EXAMINED)))
    assert (calm.passed, calm.description) == (True, "nothing stands out")
    curve = CapacityCurve(declared=100, days=14, points=(), curve=())
    few = Evaluation(
        metrics={"test": {"alerts_per_day": 20.0}},
        review=Review(stability=EXAMINED, capacity=curve),
    )
    result = _remarks(MODEL, few)
    assert not result.passed
    assert "80% fewer than the capacity of 100" in result.description

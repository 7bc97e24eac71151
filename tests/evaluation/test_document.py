import pytest
from pydantic import ValidationError

from lakehouse.evaluation.document import (
    Calibration,
    CalibrationBin,
    Comparison,
    Evaluation,
    Interval,
    Probe,
)

EVALUATION = Evaluation(
    metrics={"test": {"auc_roc": 0.9, "f1": None}},
    intervals={"auc_roc": Interval(value=0.9, low=0.85, high=0.93)},
    clustered_by=("customer_id", "terminal_id"),
    repeats=200,
    comparisons=(
        Comparison(
            against="champion",
            version="v3",
            metric="auc_roc",
            ours=0.9,
            theirs=None,
            difference=None,
            rows=10,
            positives=1,
            verdict="insufficient",
        ),
    ),
    probes=(Probe(name="p", value=None, bound=1.0, passed=False, explanation="why"),),
    calibration=Calibration(
        error_before=0.1,
        error_after=0.01,
        bins=(CalibrationBin(rows=1, mean_score=0.1, positive_share=0.0),),
    ),
)


def test_an_evaluation_survives_a_round_trip_through_json():
    text = EVALUATION.to_json()
    assert Evaluation.from_json(text) == EVALUATION
    assert Evaluation.from_json(text).to_json() == text


def test_nan_and_unknown_fields_are_refused():
    with pytest.raises(ValidationError, match="finite"):
        Evaluation(metrics={"test": {"auc_roc": float("nan")}})
    with pytest.raises(ValidationError, match="Extra inputs"):
        Evaluation.from_json('{"metrics": {}, "metrix": {}}')

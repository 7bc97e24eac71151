import numpy as np
import pytest

from lakehouse.evaluation.document import Evaluation, FairnessResult, Interval, Probe
from lakehouse.evaluation.metrics import metric_values
from lakehouse.training.judging.assessment import assess, check_gates, predictions, unit_periods
from lakehouse.training.sets.rows import Rows
from tests.models.test_threshold import rows as random_rows


def evaluation(**found):
    return Evaluation(
        **{
            "metrics": {"test": {"average_precision": 0.5, "log_loss": 0.2, "auc_roc": None}},
            "intervals": {
                "average_precision": Interval(value=0.5, low=0.4, high=0.6),
                "log_loss": Interval(value=0.2, low=0.15, high=0.3),
            },
            **found,
        }
    )


@pytest.mark.parametrize(
    ("gate", "value", "passed"),
    [
        ({"metric": "average_precision", "at_least": 0.45}, 0.5, True),
        ({"metric": "average_precision", "at_least": 0.45, "lower_end": True}, 0.4, False),
        ({"metric": "log_loss", "at_most": 0.25}, 0.2, True),
        ({"metric": "log_loss", "at_most": 0.25, "lower_end": True}, 0.3, False),
        ({"metric": "log_loss", "at_most": 0.3, "lower_end": True}, 0.3, True),
        ({"metric": "auc_roc", "at_least": 0.5}, None, False),
        ({"metric": "recall", "at_least": 0.0, "lower_end": True}, None, False),
        ({"metric": "average_precision", "at_least": 0.55, "upper_end": True}, 0.6, True),
        ({"metric": "average_precision", "at_least": 0.65, "upper_end": True}, 0.6, False),
        ({"metric": "log_loss", "at_most": 0.2, "upper_end": True}, 0.15, True),
        ({"metric": "log_loss", "at_most": 0.1, "upper_end": True}, 0.15, False),
        ({"metric": "observed_over_expected", "at_least": 0.8, "upper_end": True}, None, False),
        ({"metric": "average_precision", "at_least": 0.1, "of": "validation"}, None, False),
    ],
)
def test_a_gate_compares_the_value_or_an_end_of_its_interval(detector, gate, value, passed):
    (result,) = check_gates(detector(gates=[gate]), evaluation())
    assert (result.value, result.passed) == (value, passed)


@pytest.mark.parametrize(
    ("value", "passed", "verdict"),
    [(0.99, False, False), (0.9, True, True), (None, False, False), (None, True, False)],
    ids=["a leak", "no leak", "undefined", "passed without a value"],
)
def test_a_leak_fails_an_undeclared_gate(detector, value, passed, verdict):
    probe = Probe(name="lone_feature", value=value, bound=0.95, passed=passed, explanation="")
    (result,) = check_gates(detector(gates=[]), evaluation(probes=[probe]))
    assert (result.gate, result.passed) == ("probe_lone_feature", verdict)


@pytest.mark.parametrize(
    ("blocks", "difference", "verdicts"),
    [
        (True, Interval(value=0.3, low=0.12, high=0.5), [False]),
        (True, Interval(value=0.3, low=0.05, high=0.5), [True]),
        (True, None, [False]),
        (False, Interval(value=0.3, low=0.12, high=0.5), []),
    ],
    ids=["significantly unfair", "perhaps", "insufficient", "only warns"],
)
def test_fairness_blocks_only_where_declared_and_also_if_groups_cannot_be_compared(
    detector, blocks, difference, verdicts
):
    group = {"table": "core.dim_customers", "column": "gender", "entity": "customer_id"}
    spec = detector(gates=[], fairness={"groups": {"gender": group}, "blocks": blocks})
    found = FairnessResult(
        column="gender",
        groups=(),
        equalized_odds_difference=difference,
        demographic_parity_difference=None,
        limit=0.1,
        verdict="within",
    )
    assert [result.passed for result in check_gates(spec, evaluation(fairness=[found]))] == verdicts


def example_rows(seed=0):
    score, day, unit, truth = random_rows(seed)
    count = len(score)
    rows = Rows(
        matrix=np.zeros((count, 1), dtype=np.float32),
        label=truth.astype(float),
        day=day,
        naive={},
        label_known_at=np.zeros(count, dtype=np.int64),
        entities={"customer_id": unit},
    )
    return rows, score


@pytest.mark.parametrize("removed", [False, True])
def test_capacity_in_units_counts_the_best_units_of_each_day(detector, removed):
    spec = detector(
        capacity={"alerts": 3, "unit": "customer_id", "known_removed": removed}, gates=[]
    )
    rows, score = example_rows()
    unit, positive = rows.entities["customer_id"], rows.label > 0
    hits = alarms = positives = flagged = 0
    known: set[int] = set()
    for day in np.unique(rows.day):
        today = np.flatnonzero(rows.day == day)
        best: dict[int, float] = {}
        for i in today:
            if not (removed and int(unit[i]) in known):
                best[int(unit[i])] = max(best.get(int(unit[i]), 0), score[i])
        bad = {int(unit[i]) for i in today if positive[i]} & best.keys()
        looked_at = sorted(best, key=lambda u: -best[u])[:3]
        hits, alarms = hits + len(bad.intersection(looked_at)), alarms + len(looked_at)
        positives += len(bad)
        flagged += sum(value >= 0.9 for value in best.values())
        known |= {int(unit[i]) for i in today if positive[i]}
    found = assess(spec, rows, score, 0.9, 0.1, ())
    assert found["precision_at_capacity"] == pytest.approx(hits / alarms)
    assert found["recall_at_capacity"] == pytest.approx(hits / positives)
    assert found["alerts_per_day"] == pytest.approx(flagged / len(np.unique(rows.day)))
    by_rows = assess(detector(capacity={"alerts": 3}), rows, score, 0.9, 0.1, ())
    assert by_rows["average_precision"] == found["average_precision"]
    assert by_rows["alerts_per_day"] > found["alerts_per_day"]


def test_both_forms_of_a_prediction_give_the_same_metrics(detector, forecast, scenario):
    rows, score = example_rows()
    values = metric_values(predictions(detector(), rows, score, 0.9, 0.1))
    found = assess(detector(), rows, score, 0.9, 0.1, ())
    assert values == pytest.approx({name: found[name] for name in values})
    assert {"precision_at_capacity", "recall", "log_loss"} <= set(values)
    values = metric_values(predictions(forecast(), rows, score, None, 0.2))
    found = assess(forecast(), rows, score, None, 0.2, ())
    assert values == pytest.approx({name: found[name] for name in values})
    two = np.column_stack([1 - score, score])
    values = metric_values(predictions(scenario(), rows, two, None, 0))
    found = assess(scenario(), rows, two, None, 0, ("a", "b"))
    assert values == pytest.approx({name: found[name] for name in values})
    assert unit_periods(detector(), rows, score) is None

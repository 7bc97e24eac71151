"""The evaluation of small real versions: each figure must describe the rows that it names."""

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from lakehouse.evaluation.document import Evaluation
from lakehouse.lake import Lake
from lakehouse.models import ModelSpec, load_model
from lakehouse.models.artefact import load_evaluation
from lakehouse.registry import champion
from lakehouse.settings import load_settings
from lakehouse.training import train
from lakehouse.training.judging.proof import _last_periods
from lakehouse.training.judging.replays import replay
from tests.training.conftest import World, change, forecast_values, scenario_values, spec_values
from tests.training.judging.test_assessment import example_rows

JUDGED = {
    "judging": {
        "repeats": 30,
        "segments": {"channel": {"table": "core.fct_transactions", "column": "channel"}},
    },
    "fairness": {
        "groups": {
            "gender": {
                "table": "core.dim_customers",
                "entity": "customer_id",
                "column": "gender",
            }
        },
        "min_positives": 5,
    },
    "calibration": "sigmoid",
    "folds": {"count": 2, "length": "4d"},
}


def evaluation_of(lake, report) -> Evaluation:
    return load_evaluation(lake.settings.models_dir, report.version)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Iterator[tuple[Lake, list]]:
    """Three versions: a weak one, a champion, and a weak one again."""
    path = tmp_path_factory.mktemp("lake")
    with Lake(load_settings({}, data_dir=path, threads=1)) as lake:
        World(lake).days(0, 60)
        change(
            lake,
            "CREATE TABLE core.dim_customers AS SELECT DISTINCT customer_id, "
            "TIMESTAMP '2025-01-01' AS known_at, "
            "CASE WHEN customer_id % 2 = 0 THEN 'F' ELSE 'M' END AS gender "
            "FROM core.fct_transactions",
        )
        little = {"include": ["channel", "amount_eur"], "gates": []}
        specs = [
            ModelSpec(**spec_values(**little)),
            ModelSpec(**spec_values(**JUDGED)),
            ModelSpec(**spec_values(**little, seed=1)),
            ModelSpec(**spec_values(**JUDGED, seed=2)),
        ]
        yield lake, [(spec, train(spec, lake)) for spec in specs]


def test_the_metrics_are_those_of_the_registered_model_on_its_test_rows(trained):
    lake, versions = trained
    spec, report = versions[1]
    found = evaluation_of(lake, report)
    rows, score = replay(spec, lake, report.version)
    truth = rows.label > 0
    assert found.metrics["test"]["average_precision"] == pytest.approx(
        average_precision_score(truth, score)
    )
    assert found.metrics["test"]["rows"] == len(rows)
    assert set(found.metrics) == {"train", "validation", "out_of_fold", "test"}
    assert found.metrics == report.version.metrics
    assert sum(each.rows for each in found.calibration.bins) == len(rows)
    assert found.calibration.error_before != found.calibration.error_after
    gap = found.metrics["train"]["auc_roc"] - found.metrics["test"]["auc_roc"]
    assert found.overfitting_gap["auc_roc"] == pytest.approx(gap)


def test_every_metric_lies_in_its_interval(trained):
    lake, versions = trained
    found = evaluation_of(lake, versions[1][1])
    assert found.clustered_by == ("customer_id",)
    assert found.repeats == 30
    assert {"average_precision", "recall", "precision_at_capacity"} <= set(found.intervals)
    for name, interval in found.intervals.items():
        assert interval.value == pytest.approx(found.metrics["test"][name])
        assert interval.low <= interval.value <= interval.high


def test_comparisons_with_champion_and_last_version_use_the_same_rows(trained):
    lake, versions = trained
    spec, report = versions[3]
    found = {each.against: each for each in evaluation_of(lake, report).comparisons}
    assert set(found) == {"champion", "last", "baseline", "logistic_regression"}
    rows, score = replay(spec, lake, report.version)
    truth = rows.label > 0
    for against, (_, other) in (("champion", versions[1]), ("last", versions[2])):
        version = other.version
        model = load_model(lake.settings.models_dir, version.artefact, version.files)
        names = [feature.name for feature in model.card.features.features]
        places = [["amount_eur", "channel", "risk", "risky"].index(name) for name in names]
        theirs = average_precision_score(truth, model.predict(rows.matrix[:, places]))
        assert found[against].version == version.version
        assert found[against].theirs == pytest.approx(theirs)
        assert found[against].ours == pytest.approx(average_precision_score(truth, score))
        assert found[against].rows == len(rows)
    assert found["baseline"].theirs == pytest.approx(truth.mean())
    assert found["last"].verdict == "better"
    assert found["baseline"].verdict == "better"
    assert truth.mean() < found["logistic_regression"].theirs < 1


def test_segments_and_groups_match_those_of_the_rows(trained):
    lake, versions = trained
    spec, report = versions[1]
    found = evaluation_of(lake, report)
    rows, score = replay(spec, lake, report.version)
    channel = rows.matrix[:, 1]
    for place, name in enumerate(["chip", "contactless", "online"]):
        (segment,) = (each for each in found.segments if each.value == name)
        assert (segment.column, segment.rows) == ("channel", (channel == place).sum())
        assert segment.positives == rows.label[channel == place].sum()
    (gender,) = found.fairness
    threshold = load_model(
        lake.settings.models_dir, report.version.artefact, report.version.files
    ).card.threshold
    for group, parity in zip(gender.groups, (0, 1), strict=True):
        mine = rows.entities["customer_id"] % 2 == parity
        positive = mine & (rows.label > 0)
        assert (group.value, group.rows) == ("FM"[parity], mine.sum())
        assert group.tpr.value == pytest.approx((score[positive] >= threshold).mean())


def test_weeks_contain_only_rows_outside_the_training_data(trained):
    lake, versions = trained
    _, report = versions[1]
    found = evaluation_of(lake, report)
    split = report.version.split
    starts = [week.start.isoformat() for week in found.by_week]
    assert starts[-1] == split["test_from"][:10]
    assert all(start < split["train_until"][:10] for start in starts[:-1])
    assert len(starts) > 1


@pytest.mark.parametrize("per", ["day", "week"])
def test_of_many_training_rows_the_last_whole_days_or_weeks_are_evaluated(detector, per):
    rows, _ = example_rows()
    spec = detector(capacity={"alerts": 5, "per": per}, split={"gap": "7d"})
    period = spec.capacity.period
    assert _last_periods(spec, rows, len(rows)) is rows
    for most in (1, 50, 100, 250):
        kept = _last_periods(spec, rows, most)
        periods = np.unique(period.of(kept.day))
        assert (periods == np.unique(period.of(rows.day))[-len(periods) :]).all()
        assert len(kept) == np.isin(period.of(rows.day), periods).sum()
        assert len(kept) <= most or len(periods) == 1


def test_a_leaking_feature_prevents_promotion(lake, world, detector):
    change(
        lake,
        "UPDATE features.risk__0a1b2c3d r SET risk = t.is_fraud::INT FROM core.truth t "
        "WHERE t.transaction_id = r.transaction_id",
    )
    report = train(detector(), lake)
    assert report.champion is None
    assert report.decision == "failed probe_lone_feature"
    (probe,) = (p for p in evaluation_of(lake, report).probes if p.name == "lone_feature")
    assert "suspiciously high: risk (1.000)" in probe.explanation


@pytest.mark.parametrize(("values", "best"), [(forecast_values, "naive_"), (scenario_values, "")])
def test_forecasts_and_classes_are_evaluated_too(lake, world, values, best):
    spec = ModelSpec(**values(judging={"repeats": 20}))
    report = train(spec, lake)
    found = evaluation_of(lake, report)
    assert {each.against for each in found.comparisons} == {"baseline", "logistic_regression"}
    baseline = next(each for each in found.comparisons if each.against == "baseline")
    assert baseline.version.startswith(best)
    assert baseline.metric == spec.primary_metric
    assert found.intervals[spec.primary_metric].value == pytest.approx(baseline.ours)
    assert found.calibration is None
    assert [probe.passed for probe in found.probes] == [True, True]
    assert champion(lake, spec.name).version == report.version.version


def test_metrics_at_capacity_in_units_have_intervals_over_units(lake, world, detector):
    change(lake, "UPDATE core.fct_transactions SET customer_id = transaction_id % 23")
    spec = detector(
        capacity={"alerts": 3, "unit": "customer_id"},
        judging={"repeats": 20},
        promotion={"rule": "better", "metric": "recall_at_capacity"},
        gates=[],
    )
    report = train(spec, lake)
    found = evaluation_of(lake, report)
    for name in ("precision_at_capacity", "recall_at_capacity"):
        assert found.intervals[name].value == pytest.approx(found.metrics["test"][name])
    assert np.isfinite(found.metrics["test"]["alerts_per_day"])
    for comparison in found.comparisons:
        assert comparison.ours == found.metrics["test"]["recall_at_capacity"]
        assert comparison.rows < found.metrics["test"]["rows"], "units a day, not rows"

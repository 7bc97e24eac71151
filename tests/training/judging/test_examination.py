"""The review of a real version: each figure must describe the rows that it names."""

from collections.abc import Iterator

import numpy as np
import pytest
from pydantic import ValidationError

from lakehouse.evaluation.document import Evaluation
from lakehouse.evaluation.remarks import find_remarks
from lakehouse.lake import Lake, qualified
from lakehouse.models import ModelSpec, TrainingError
from lakehouse.models.artefact import load_evaluation
from lakehouse.settings import load_settings
from lakehouse.training import train
from lakehouse.training.judging.replays import replay
from lakehouse.training.report import gather
from lakehouse.training.report.insight import Insight
from lakehouse.training.report.pictures import insight_pictures
from lakehouse.training.report.sections import page
from tests.training.conftest import World, change, forecast_values, scenario_values, spec_values

MONEY = {"table": "core.fct_transactions", "column": "amount_eur", "alert_costs": 2.5}
EXAMINED = {
    "split": {"test": "7d", "validation": "7d", "gap": "7d", "sample_every": 3},
    "imbalance": {"method": "undersample", "ratio": 2},
    "judging": {
        "repeats": 20,
        "refits": 1,
        "money": MONEY,
        "reports": {"table": "core.fct_reports", "reversals": "core.fct_reversals"},
        "stress": {"stale": {"risk": "customer_id"}, "amounts": ["amount_eur"]},
    },
    "fairness": {
        "groups": {
            "band": {"table": "core.dim_customers", "entity": "customer_id", "column": "band"}
        },
        "min_positives": 5,
    },
    "gates": [],
}


@pytest.fixture(scope="module")
def examined(tmp_path_factory) -> Iterator[tuple[ModelSpec, Lake, list]]:
    """Two versions: every ninth fraud is reported after its label settled, every fifth of the
    others is reversed, every seventh row has no features, and every 41st no label."""
    path = tmp_path_factory.mktemp("lake")
    with Lake(load_settings({}, data_dir=path, threads=1)) as lake:
        World(lake).days(0, 60)
        known = "TIMESTAMP '2025-01-01' AS known_at"
        change(
            lake,
            f"CREATE TABLE core.dim_customers AS SELECT DISTINCT customer_id, {known}, "
            "customer_id % 2 AS band FROM core.fct_transactions",
            "CREATE TABLE core.fct_reports AS SELECT transaction_id FROM core.truth WHERE is_fraud",
            "UPDATE core.fct_labels SET is_fraud = false WHERE transaction_id % 9 = 0",
            "CREATE TABLE core.fct_reversals AS SELECT transaction_id FROM core.fct_labels "
            "WHERE transaction_id % 5 = 0",
            "DELETE FROM core.fct_labels WHERE transaction_id % 41 = 0",
            "DELETE FROM features.risk__0a1b2c3d WHERE transaction_id % 7 = 0",
        )
        specs = [ModelSpec(**spec_values(**EXAMINED)), ModelSpec(**spec_values(**EXAMINED, seed=3))]
        yield specs[1], lake, [train(spec, lake) for spec in specs]


def evaluation_of(lake, report) -> Evaluation:
    return load_evaluation(lake.settings.models_dir, report.version)


def fetch(lake, query, *bound):
    with lake.reader() as cursor:
        return cursor.execute(query, list(bound)).fetchall()


def test_the_rows_of_each_period_add_up_from_the_lake_to_the_trees(examined):
    spec, lake, (_, report) = examined
    found = {each.period: each for each in evaluation_of(lake, report).rows}
    assert list(found) == ["train", "validation", "test"]
    split = report.version.split
    for period, one in found.items():
        times = split[f"{period}_from"], split[f"{period}_until"]
        keys = [
            key
            for (key,) in fetch(
                lake,
                "SELECT transaction_id FROM core.fct_transactions "
                "WHERE event_time >= ? AND event_time < ?",
                *times,
            )
        ]
        assert one.landed == len(keys)
        if period != "train":
            assert one.sampled_out == 0
            assert one.unlabelled == sum(key % 41 == 0 for key in keys)
            lost = sum(key % 7 == 0 and key % 41 != 0 for key in keys)
            assert one.without_features == lost
    rows = fetch(
        lake,
        "SELECT split, count(*), count(*) FILTER (label > 0) "
        f"FROM {qualified(spec.training_table)} WHERE training_set_id = ? GROUP BY 1",
        report.version.training_set_id,
    )
    pinned = {period: count for period, count, _ in rows}
    positives = {period: count for period, _, count in rows}
    assert found["test"].used == pinned["test"]
    assert found["train"].used + found["train"].undersampled == pinned["train"]
    assert found["train"].used == 3 * positives["train"], "two negatives for each positive"
    assert found["train"].sampled_out > found["train"].landed / 2, "two rows in three"


def test_counts_that_do_not_add_up_are_refused():
    from lakehouse.evaluation.review_document import RowCount

    with pytest.raises(ValidationError, match="do not add up"):
        RowCount(period="test", landed=10, used=9)


def test_amounts_of_alerts_are_exact_to_the_cent(examined):
    spec, lake, (_, report) = examined
    curve = evaluation_of(lake, report).review.capacity
    rows, score = replay(spec, lake, report.version)
    cents = np.array(
        [
            int(amount * 100)
            for (amount,) in fetch(
                lake,
                f"SELECT t.amount_eur FROM {qualified(spec.training_table)} s "
                "JOIN core.fct_transactions t ON t.transaction_id = s.key "
                "WHERE training_set_id = ? AND split = 'test' ORDER BY key",
                report.version.training_set_id,
            )
        ]
    )
    assert (curve.unit, curve.scale, curve.alert_costs) == ("euro", 2, 250)
    assert curve.total == cents[rows.label > 0].sum()
    point = next(each for each in curve.points if each.alerts == 5)
    caught = alarms = 0
    for day in np.unique(rows.day):
        today = np.flatnonzero(rows.day == day)
        looked_at = sorted(today, key=lambda i: (-score[i], i))[:5]
        caught += sum(int(cents[i]) for i in looked_at if rows.label[i] > 0)
        alarms += len(looked_at)
    assert (point.caught, point.net) == (caught, caught - 250 * alarms)


def test_late_and_reversed_labels_are_counted(examined):
    spec, lake, (_, report) = examined
    found = evaluation_of(lake, report).review.labels
    expected = fetch(
        lake,
        f"""SELECT split, count(*) FILTER (label > 0),
        count(*) FILTER (NOT label > 0 AND t.is_fraud),
        count(*) FILTER (label > 0 AND key % 5 = 0)
        FROM {qualified(spec.training_table)} s JOIN core.truth t ON t.transaction_id = s.key
        WHERE training_set_id = ? GROUP BY 1""",
        report.version.training_set_id,
    )
    assert found.positives == {period: count for period, count, _, _ in expected}
    assert found.late == {period: count for period, _, count, _ in expected}
    assert found.reversed == {period: count for period, _, _, count in expected}
    late, positives = found.late["train"], found.positives["train"]
    assert found.late_share == late / (late + positives)
    by_name = {each.name: each for each in found.scenarios}
    assert by_name["late reports count as positives"].flipped == found.late["test"]
    assert any(remark.topic == "labels" for remark in find_remarks(evaluation_of(lake, report)))


def test_refits_and_the_last_version_are_evaluated_on_the_same_rows(examined):
    _, lake, (first, report) = examined
    found = evaluation_of(lake, report).review.stability
    kinds = [(each.kind, each.name) for each in found.refits]
    assert kinds == [
        ("previous version", first.version.version),
        ("seed", "1"),
        ("sample", "1"),
    ]
    for each in found.refits:
        assert 0.3 < each.rank < 1
        assert 0 < each.agree <= 1
    assert found.value == pytest.approx(report.version.metrics["test"]["average_precision"])


def test_a_lost_feature_set_worsens_the_metric_and_is_reported(examined):
    _, lake, (_, report) = examined
    review = evaluation_of(lake, report).review
    by_name = {(each.kind, each.name): each for each in review.stress}
    usual = by_name["none", "as it was"]
    assert usual.value == pytest.approx(report.version.metrics["test"]["average_precision"])
    assert usual.alerts_per_day == report.version.metrics["test"]["alerts_per_day"]
    assert by_name["lost", "context"].changed == 1
    assert by_name["lost", "context"].value < usual.value
    assert 0 < by_name["stale", "risk"].changed < 1
    assert len([kind for kind, _ in by_name if kind == "adversarial"]) == 4


@pytest.mark.slow
def test_a_report_states_what_was_examined_and_what_was_not(examined, world, detector):
    spec, lake, (_, report) = examined
    gathered = gather(spec, lake, report.version)
    used = next(one.used for one in gathered.evaluation.rows if one.period == "train")
    drawn = insight_pictures(gathered, Insight(gathered))["importance"]
    assert f"{used:,} training rows" in drawn.figure.axes[0].get_title()
    text = repr(page(gathered, Insight(gathered), {}))
    for expected in ("Label not known in time", "euro", "Reported too late", "Resampled rows 1"):
        assert expected in text, expected
    assert "Not examined" not in text
    plain = detector(judging={"repeats": 20})
    gathered = gather(plain, world.lake, train(plain, world.lake).version)
    text = repr(page(gathered, Insight(gathered), {}))
    for expected in (
        "`judging.money` is not declared",
        "`judging.refits` is 0",
        "`judging.reports`",
    ):
        assert expected in text, expected


@pytest.mark.parametrize(
    ("judging", "problem"),
    [
        ({"money": {**MONEY, "column": "risk"}}, "not in the lake"),
        ({"money": {**MONEY, "table": "core.doubles"}}, "is DOUBLE; money must be DECIMAL"),
        ({"money": {**MONEY, "alert_costs": 0.125}}, "more than 2 decimal places"),
        ({"reports": {"table": "core.nothing"}}, "judging.reports` reads core.nothing"),
    ],
)
def test_unusable_review_tables_are_refused_before_training(
    lake, world, detector, monkeypatch, judging, problem
):
    change(
        lake,
        "CREATE TABLE core.doubles AS SELECT * REPLACE (amount_eur::DOUBLE AS amount_eur) "
        "FROM core.fct_transactions",
    )
    monkeypatch.setattr("lakehouse.training.fitting.assembly.boost", None)
    with pytest.raises(TrainingError, match=problem):
        train(detector(judging={"repeats": 20, **judging}), lake)


def test_money_for_a_forecast_is_refused(forecast):
    with pytest.raises(ValidationError, match="is only for binary models"):
        forecast(judging={"money": MONEY})


def test_a_stale_set_that_the_model_does_not_use_is_refused(detector):
    with pytest.raises(ValidationError, match="not one of this model's `feature_sets`"):
        detector(judging={"stress": {"stale": {"other": "customer_id"}}})
    with pytest.raises(ValidationError, match="not an entity of the spine"):
        detector(judging={"stress": {"stale": {"risk": "terminal_id"}}})


@pytest.mark.parametrize("values", [forecast_values, scenario_values])
def test_forecasts_and_classes_are_examined_where_applicable(lake, world, values):
    spec = ModelSpec(**values(judging={"repeats": 20, "refits": 1}))
    review = evaluation_of(lake, train(spec, lake)).review
    assert [each.kind for each in review.stability.refits] == ["seed", "sample"]
    assert len(review.stress) == 3
    assert (review.capacity, review.labels, review.proxies) == (None, None, ())
    assert all(np.isfinite(each.value) for each in review.stress)


def test_alerts_on_cards_cover_all_their_amounts_of_the_day(lake, world, detector):
    change(lake, "UPDATE core.fct_transactions SET customer_id = transaction_id % 23")
    spec = detector(
        capacity={"alerts": 3, "unit": "customer_id"},
        judging={"repeats": 20, "money": MONEY},
        gates=[],
    )
    report = train(spec, lake)
    curve = evaluation_of(lake, report).review.capacity
    rows, _ = replay(spec, lake, report.version)
    most = curve.points[-1]
    assert most.caught <= curve.total
    point = next(each for each in curve.points if each.alerts == 3)
    assert point.recall.value == pytest.approx(report.version.metrics["test"]["recall_at_capacity"])
    amounts = fetch(
        lake,
        f"SELECT sum(t.amount_eur) FROM {qualified(spec.training_table)} s "
        "JOIN core.fct_transactions t ON t.transaction_id = s.key "
        "WHERE training_set_id = ? AND split = 'test' AND label > 0",
        report.version.training_set_id,
    )
    assert curve.total == int(amounts[0][0] * 100)
    assert rows.label.sum() >= 1


@pytest.mark.slow
def test_alerts_under_stress_respect_lots(tmp_path):
    """One tree of three leaves has few scores, and many rows at the threshold."""
    with Lake(load_settings({}, data_dir=tmp_path / "data", threads=1)) as lake:
        World(lake).days(0, 60)
        params = {"learning_rate": 0.2, "num_leaves": 3, "min_data_in_leaf": 5}
        judging = {"repeats": 20, "refits": 1, "stress": {"amounts": ["amount_eur"]}}
        spec = ModelSpec(**spec_values(params=params, rounds=1, gates=[], judging=judging))
        report = train(spec, lake)
        found = load_evaluation(lake.settings.models_dir, report.version)
    alerts = found.metrics["test"]["alerts_per_day"]
    assert 0 < alerts < 10
    unchanged, *others = found.review.stress
    assert unchanged.kind == "none"
    assert unchanged.alerts_per_day == alerts
    no_more = next(one for one in others if one.name == "context" and one.kind == "lost")
    assert no_more.alerts_per_day is not None

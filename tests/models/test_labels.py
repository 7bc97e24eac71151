"""Requirements on labels: known in time, valid for the task, present to the end of each period."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from lakehouse.evaluation.document import Evaluation
from lakehouse.lake import ALWAYS, Author, Progress, write_progress
from lakehouse.models import TrainingError
from lakehouse.models.artefact import load_evaluation, load_model
from lakehouse.models.labels import complete_until
from lakehouse.models.tasks.multiclass import UNSEEN_CLASS, MulticlassTask
from lakehouse.training import train, training_set
from lakehouse.training.sets.dataset import read_rows
from tests.training.conftest import change

DAY = timedelta(days=1)
NUMBER = {"table": "core.fct_labels", "column": "number"}


def with_number(lake, value):
    """A label column of numbers, 0 and 1 except for `value` in one row."""
    change(
        lake,
        "ALTER TABLE core.fct_labels ADD COLUMN number DOUBLE",
        "UPDATE core.fct_labels SET number = is_fraud::INTEGER",
        f"UPDATE core.fct_labels SET number = {value}::DOUBLE WHERE transaction_id = 700",
    )


def rows_of(lake, spec, pinned):
    with lake.reader() as cursor:
        return [row for b in read_rows(cursor, spec, pinned) for row in b.to_pylist()]


def test_a_label_known_later_than_the_maturity_is_an_error_that_names_a_key(lake, world, detector):
    change(
        lake,
        "UPDATE core.fct_labels SET known_at = event_time + INTERVAL 8 DAY "
        "WHERE transaction_id IN (1234, 1200)",
    )
    with pytest.raises(
        TrainingError, match=r"transaction_id 1200 of .* more than the maturity of 7d .*\(2 rows"
    ):
        training_set(detector(), lake)
    assert training_set(detector(split={"test": "7d", "validation": "7d", "gap": "8d"}), lake)


def test_a_gap_below_the_true_maturity_is_an_error(lake, world, detector):
    short = detector(split={"test": "7d", "validation": "7d", "gap": "3d"})
    with pytest.raises(TrainingError, match=r"more than the maturity of 3d after it"):
        training_set(short, lake)


def test_labels_of_late_rows_may_settle_late(lake, world, detector):
    late = "transaction_id = 123"
    change(
        lake,
        f"UPDATE core.fct_transactions SET known_at = event_time + INTERVAL 20 DAY WHERE {late}",
        f"UPDATE core.fct_labels SET known_at = event_time + INTERVAL 20 DAY WHERE {late}",
    )
    spec = detector()
    (row,) = [r for r in rows_of(lake, spec, training_set(spec, lake)) if r["key"] == 123]
    assert row["label_known_at"] - row["event_time"] == 20 * DAY


def test_labels_that_are_a_static_lookup_are_complete_up_to_their_newest(lake, world, detector):
    """Their seal is the end of time; periods counted back from it would be empty."""
    with lake.writer(Author("test")) as cursor:
        write_progress(cursor, "core.fct_labels", Progress(1, ALWAYS))
    with lake.reader() as cursor:
        newest = cursor.execute("SELECT max(known_at) FROM core.fct_labels").fetchone()[0]
        assert complete_until(cursor, "core.fct_labels", "known_at") == newest
    assert training_set(detector(), lake).split.test_until <= newest


def test_a_period_whose_last_days_have_no_label_is_an_error(lake, world, detector):
    spec = detector()
    until = training_set(spec, lake).split.test_until
    change(lake, f"DELETE FROM core.fct_labels WHERE event_time >= TIMESTAMP '{until - 2 * DAY}'")
    with pytest.raises(
        TrainingError,
        match=rf"test period has 120 rows after {(until - 3 * DAY):%Y-%m-%d}, up to "
        rf"{(until - DAY):%Y-%m-%d}, and none of them has a label, although about 120",
    ):
        training_set(spec, lake)


def test_labels_that_arrive_with_late_rows_need_a_gap_and_the_error_names_it(lake, world, detector):
    change(
        lake,
        "ALTER TABLE core.fct_transactions ADD COLUMN is_fraud BOOLEAN",
        "UPDATE core.fct_transactions SET known_at = event_time + INTERVAL 36 HOUR, "
        "is_fraud = transaction_id % 3 = 0",
    )
    spec = detector(
        label={"table": "core.fct_transactions", "column": "is_fraud", "maturity": "0s"},
        split={"test": "7d", "validation": "7d"},
    )
    with pytest.raises(TrainingError, match=r"arrive up to 1d12h after .* as `label\.maturity`"):
        training_set(spec, lake)


def test_single_unlabelled_rows_at_the_end_are_accepted(lake, world, detector):
    spec = detector()
    whole = training_set(spec, lake)
    change(
        lake,
        "DELETE FROM core.fct_labels WHERE transaction_id % 60 > 8 AND event_time >= "
        f"TIMESTAMP '{whole.split.test_from}'",
        "DELETE FROM core.fct_labels WHERE event_time >= "
        f"TIMESTAMP '{whole.split.test_until - DAY}'",
    )
    assert training_set(spec, lake).rows < whole.rows


@pytest.mark.parametrize(
    ("value", "complaint"),
    [("2", "transaction_id 700 is 2"), ("-1", "is -1"), ("0.5", "is 0.5")],
)
def test_a_binary_label_that_is_a_count_is_refused(lake, world, detector, value, complaint):
    with_number(lake, value)
    with pytest.raises(TrainingError, match=rf"label core.fct_labels.number of .*{complaint}; a"):
        training_set(detector(label=NUMBER), lake)


def test_a_label_of_text_is_refused_with_its_type(lake, world, detector):
    label = {**NUMBER, "column": "fraud_kind"}
    with pytest.raises(TrainingError, match=r"fraud_kind is a VARCHAR, and a binary model needs"):
        training_set(detector(label=label), lake)


@pytest.mark.parametrize("value", ["'nan'", "'inf'", "1e39", "-1.7976931348623157e308"])
def test_a_label_that_is_not_a_usable_number_is_named(lake, world, detector, value):
    with_number(lake, value)
    spec = detector(task="regression", capacity=None, gates=[], label=NUMBER)
    with pytest.raises(TrainingError, match=r"transaction_id 700 is .*make it NULL in a dbt model"):
        training_set(spec, lake)


def test_at_least_turns_a_forward_label_into_yes_or_no(lake, world, forecast):
    number = forecast()
    bound = 2100
    label = {**number.label.model_dump(exclude_none=True), "at_least": bound}
    spec = forecast(task="binary", capacity={"alerts": 5}, gates=[], label=label)
    sums = {row["key"]: row for row in rows_of(lake, number, training_set(number, lake))}
    found = rows_of(lake, spec, training_set(spec, lake))
    assert {row["label"] for row in found} == {0.0, 1.0}
    for row in found:
        for column in ("label", "naive_last", "naive_season"):
            assert row[column] == float(sums[row["key"]][column] >= bound)


@pytest.mark.slow
def test_a_class_only_in_the_test_period_counts_as_an_error_and_is_not_in_the_card(
    lake, world, scenario, settings
):
    spec = scenario()
    split = training_set(spec, lake).split
    change(
        lake,
        "UPDATE core.fct_labels SET fraud_kind = 'new' WHERE fraud_kind IS NOT NULL AND "
        f"transaction_id % 5 = 0 AND event_time >= TIMESTAMP '{split.test_from}'",
        "UPDATE core.fct_labels SET fraud_kind = 'rare' WHERE fraud_kind IS NOT NULL AND "
        f"transaction_id % 7 = 0 AND event_time >= TIMESTAMP '{split.validation_from}' "
        f"AND event_time < TIMESTAMP '{split.validation_until}'",
    )
    report = train(spec, lake, now=datetime(2026, 3, 2))
    version = report.version
    model = load_model(settings.models_dir, version.artefact, version.files)
    assert model.card.classes == ("amount", "terminal")
    found: Evaluation = load_evaluation(settings.models_dir, version)
    test = found.metrics["test"]
    new = sum(
        value or 0 for name, value in test.items() if name.startswith(f"confusion[{UNSEEN_CLASS}->")
    )
    with lake.reader() as cursor:
        (count,) = cursor.execute(
            "SELECT count(*) FROM training.scenario WHERE split = 'test' AND label = 'new' "
            "AND training_set_id = ?",
            [version.training_set_id],
        ).fetchone()
    assert new == count > 0
    assert test["accuracy"] <= 1 - count / test["rows"]
    assert f"{count:,} of {test['rows']:.0f} test rows have a class" in " ".join(report.notes)
    assert "validation rows have a class" in " ".join(report.notes)
    assert found.intervals["accuracy"].value == test["accuracy"]


def test_a_rivals_prediction_of_a_class_that_only_it_has_counts_as_correct():
    probability = np.array([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]])
    in_classes = MulticlassTask().in_classes
    found = in_classes(probability, ("b", "new", "rare"), ("a", "b"))
    assert found == pytest.approx(np.array([[0.0, 0.1, 0.9], [0.0, 0.5, 0.5]]))
    assert (
        in_classes(probability, ("a", "b", "c"), ("a", "b", "c")).tolist() == probability.tolist()
    )

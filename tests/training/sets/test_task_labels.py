"""Labels that a task cannot mean are refused with the column, values seen and a remedy."""

from datetime import timedelta
from pathlib import Path

import pytest

from lakehouse.declarations.document import SpecError
from lakehouse.models import NotEnoughData, TrainingError
from lakehouse.models.spec import ModelSpec
from lakehouse.models.tasks import find_task
from lakehouse.orchestration.references import find_unfit_labels
from lakehouse.training import train, training_set
from lakehouse.training.sets.dataset import read_rows
from lakehouse.training.sets.training_data import load_training_data
from tests.training.conftest import START, change, spec_values

NUMBER = {"table": "core.fct_labels", "column": "number", "maturity": "7d"}
DAY = timedelta(days=1)


def refuse_unfit_labels(models, contracts):
    """Raise what loading the definitions reports about these labels."""
    if found := [*find_unfit_labels(models, contracts, Path("dbt_project.yml"))]:
        raise SpecError("\n".join(problem.message for problem in found))


def with_label(lake, value, kind="DOUBLE"):
    """A label column `number` with the SQL expression `value`."""
    change(
        lake,
        f"ALTER TABLE core.fct_labels ADD COLUMN number {kind}",
        f"UPDATE core.fct_labels SET number = {value}",
    )


def make_spec(task="binary", **changes):
    capacity = {"alerts": 5} if task == "binary" else None
    values = {"task": task, "capacity": capacity, "gates": [], "label": NUMBER}
    return ModelSpec(**spec_values(**(values | changes)))


def test_a_count_for_a_binary_model_is_refused_with_the_values_seen(lake, world):
    with_label(lake, "transaction_id % 9")
    with pytest.raises(
        TrainingError,
        match=r"label core.fct_labels.number of transaction_id 2 is 2; .*make the `task` a "
        r"regression \(values seen in [\d,]+ rows: 0, 1, 2, 3, 4 and 4 more\)",
    ):
        training_set(make_spec(), lake)


def test_a_label_with_one_value_is_refused_with_that_value(lake, world):
    with_label(lake, "1")
    spec = make_spec()
    pinned = training_set(spec, lake)
    with pytest.raises(
        NotEnoughData,
        match=r"training rows have the same label.*label core.fct_labels.number is 1 in all of "
        r"them; train on a longer period, or check",
    ):
        load_training_data(spec, lake, pinned)


def test_more_classes_than_rows_allow_are_refused_with_the_rarest(lake, world):
    with_label(lake, "transaction_id", "BIGINT")
    spec = make_spec("multiclass")
    pinned = training_set(spec, lake)
    with pytest.raises(
        TrainingError,
        match=r"fct_labels.number has ([\d,]+) classes in \1 training rows, and a class needs 5 on "
        r"average; the rarest are '0' \(1\), .*Group rare classes",
    ):
        load_training_data(spec, lake, pinned)


@pytest.mark.parametrize(
    ("task", "kind", "complaint"),
    [
        ("regression", "VARCHAR", r"number is a VARCHAR, and a regression model needs a number"),
        ("regression", "BOOLEAN", r"is a BOOLEAN, .*make the `task` binary"),
        ("binary", "DATE", r"is a DATE, and a binary model needs 0 and 1, or a BOOLEAN"),
        ("binary", "INTEGER[]", r"is a INTEGER\[\], and a binary model needs"),
        ("multiclass", "DOUBLE", r"is a DOUBLE, .*make the `task` a regression"),
        ("multiclass", "TIMESTAMP", r"is a TIMESTAMP, and a multiclass model needs a text"),
    ],
)
def test_a_type_that_the_task_cannot_mean_is_refused_before_training_and_on_loading(
    lake, world, task, kind, complaint
):
    with_label(lake, "NULL", kind)
    spec = make_spec(task)
    with pytest.raises(TrainingError, match=complaint):
        training_set(spec, lake)
    contracts = {"core.fct_labels": {"transaction_id": "bigint", "number": kind.lower()}}
    with pytest.raises(SpecError, match=complaint):
        refuse_unfit_labels([spec], contracts)
    refuse_unfit_labels([spec], {})


def test_a_misspelt_label_column_is_refused_on_loading_where_a_contract_lists_the_columns():
    contracts = {"core.fct_labels": {"transaction_id": "bigint", "numbers": "double"}}
    with pytest.raises(SpecError, match=r"core.fct_labels has no column number; did you mean num"):
        refuse_unfit_labels([make_spec()], contracts)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"value": "day"}, r"label core.calls.day is a DATE, which cannot be summed; use `op: c"),
        ({"value": "minute"}, r"core.calls has no column minute; did you mean minutes"),
        ({"entity": {"customer_id": "cust"}}, r"core.calls has no column cust"),
    ],
)
def test_the_columns_of_a_forward_label_are_checked_on_loading(changes, complaint):
    label = {"stream": "core.calls", "entity": "customer", "value": "minutes", "horizon": "7d"}
    contracts = {"core.calls": {"customer": "bigint", "minutes": "int", "day": "date"}}
    refuse_unfit_labels([make_spec("regression", label=label)], contracts)
    with pytest.raises(SpecError, match=complaint):
        refuse_unfit_labels([make_spec("regression", label=label | changes)], contracts)


@pytest.mark.parametrize(
    ("task", "types"),
    [
        ("binary", ["boolean", "bool", "integer", "int", "UTINYINT", "double", "decimal(3,1)"]),
        ("regression", ["BIGINT", "float", "real", "numeric", "DECIMAL(18,2)", "hugeint"]),
        ("multiclass", ["varchar", "text", "string", "ENUM('a', 'b')", "INTEGER", "BOOLEAN"]),
    ],
)
def test_types_are_read_as_duckdb_and_dbt_write_them(task, types):
    assert [find_task(task).label_type_problem(each) for each in types] == [""] * len(types)


@pytest.mark.slow
def test_null_labels_are_counted_and_named(lake, world):
    with_label(lake, "CASE WHEN transaction_id % 10 > 0 THEN is_fraud::INTEGER END")
    spec = make_spec()
    pinned = training_set(spec, lake)
    counts = {each.period: each for each in pinned.counts}
    with lake.reader() as cursor:
        keys = [row["key"] for b in read_rows(cursor, spec, pinned) for row in b.to_pylist()]
    assert all(key % 10 for key in keys)
    for each in counts.values():
        assert each.null_labels == each.unlabelled == each.landed / 10 > 0
    report = train(spec, lake)
    test = counts["test"]
    assert (
        f"{test.null_labels:,} of {test.landed:,} test rows have NULL as core.fct_labels.number; "
        "they are left out"
    ) in report.notes


def test_a_period_without_any_label_says_where_its_rows_went(lake, world):
    with_label(lake, "is_fraud::INTEGER")
    spec = make_spec()
    split = training_set(spec, lake).split
    change(
        lake,
        "UPDATE core.fct_labels SET number = NULL WHERE event_time >= "
        f"TIMESTAMP '{split.test_from}'",
        "DELETE FROM core.fct_labels WHERE event_time >= "
        f"TIMESTAMP '{split.test_from}' AND transaction_id % 2 = 0",
    )
    with pytest.raises(
        NotEnoughData,
        match=r"\(test\): of 420 rows 210 have NULL as core.fct_labels.number, 210 have no settled "
        r"label \(core.fct_labels.number\); load more data",
    ):
        training_set(spec, lake, split=split)


def test_an_empty_label_table_names_itself_and_until_when_to_wait(lake, world):
    change(lake, "DELETE FROM core.fct_labels")
    with pytest.raises(
        NotEnoughData,
        match=r"no label has settled yet: core.fct_labels has no rows yet \(it is complete up to "
        r"2026-03-01 23:59\)\. The first row of core.fct_transactions is of 2026-01-01 .*labels "
        r"settle 7d after it, at 2026-01-08",
    ):
        training_set(make_spec(label={**NUMBER, "column": "is_fraud"}), lake)


@pytest.mark.slow
def test_a_split_by_share_trains_and_its_dates_are_on_the_card(lake, world, detector):
    spec = detector(split={"test": 0.2, "validation": 0.1, "gap": "7d"})
    pinned = training_set(spec, lake)
    counts = {each.period: each.landed for each in pinned.counts}
    settled = 53 * world.per_day
    assert counts["test"] == settled / 5
    assert counts["validation"] == settled / 10
    assert pinned.split.test_until == START + 53 * DAY
    report = train(spec, lake)
    assert report.version.split == pinned.split.as_json()
    assert train(spec, lake).why == (
        "up to date: the labels of core.fct_labels have settled for rows before 2026-02-23, and "
        "the next version is due with those before 2026-03-02"
    )


def test_one_day_of_data_can_be_trained_on_with_labels_known_at_once(lake, world, detector):
    for table in ("core.fct_transactions", "core.fct_labels"):
        change(lake, f"DELETE FROM {table} WHERE event_time >= TIMESTAMP '{START + DAY}'")
    change(lake, "UPDATE core.fct_labels SET known_at = event_time")
    label = {"table": "core.fct_labels", "column": "is_fraud", "maturity": "0d"}
    spec = detector(
        label=label,
        split={"test": 0.3, "validation": 0.2},
        params={"min_data_in_leaf": 2},
        capacity={"alerts": 3},
        gates=[],
    )
    pinned = training_set(spec, lake)
    assert {each.period: each.used for each in pinned.counts} == {
        "train": 30,
        "validation": 12,
        "test": 18,
    }

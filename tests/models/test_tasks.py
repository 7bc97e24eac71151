"""What each task guarantees to training, scoring and monitoring."""

import pickle
import subprocess
import sys
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from lakehouse.evaluation.metrics import find_metric, metric_values
from lakehouse.models.tasks import TASKS, find_task

CLASSES = ("amount", "card", "terminal")
RANDOM = np.random.default_rng(8)
ROWS = 60
LABELS = {
    "binary": (RANDOM.random(ROWS) < 0.3) * 1.0,
    "regression": RANDOM.gamma(2, 50, ROWS),
    "multiclass": np.minimum(RANDOM.integers(0, 4, ROWS), 2) * 1.0,
}
PREDICTED = {
    "binary": RANDOM.random(ROWS),
    "regression": RANDOM.gamma(2, 50, ROWS),
    "multiclass": RANDOM.dirichlet(np.ones(3), ROWS),
}
each_task = pytest.mark.parametrize("task", TASKS, ids=str)


@dataclass
class Labelled:
    """Rows as a task sees them."""

    label: np.ndarray
    day: np.ndarray = field(default_factory=lambda: np.arange(ROWS) // 20)
    naive: dict[str, np.ndarray] = field(default_factory=dict)


def columns(task):
    """Truth and log of the rows, as the lake returns them."""
    found = task.logged_columns(PREDICTED[task.name], CLASSES)
    truth = LABELS[task.name]
    label = np.array(CLASSES)[truth.astype(int)] if task.has_classes else truth
    logged = {
        f"logged_{name}": np.ma.array(values.to_numpy(False)) for name, values in found.items()
    }
    decision = np.ma.array(PREDICTED["binary"] >= 0.5)
    day = np.ma.array(Labelled(truth).day)
    return {"label": np.ma.array(label), "day": day, "logged_decision": decision, **logged}


@each_task
def test_a_task_is_written_as_its_name_and_found_by_it(task):
    assert find_task(str(task)) == find_task(task) == task
    assert pickle.loads(pickle.dumps(task)) == task
    assert [one for one in TASKS if one == task] == [task]


@each_task
def test_the_metrics_that_a_task_names_are_its_own(task):
    named = [task.default_metric, task.probe_metric, *task.segment_metrics]
    for name in named + ([task.expected_metric] if task.expected_metric else []):
        assert task.name in find_metric(name).tasks
    assert find_metric(task.default_metric).better != "neither"


@each_task
def test_logged_columns_have_the_declared_types(task):
    types = {"DOUBLE": pa.float64(), "VARCHAR": pa.string()}
    expected = {name: types[kind] for name, kind in task.logged.items()}
    for found in (
        task.logged_columns(PREDICTED[task.name], CLASSES),
        task.logged_constant(0.5, "card", ROWS),
    ):
        assert {name: values.type for name, values in found.items()} == expected
        assert {len(values) for values in found.values()} == {ROWS}


@each_task
def test_metrics_from_the_log_equal_those_of_the_prediction(task):
    rows = Labelled(LABELS[task.name])
    predictions = task.predictions(rows, PREDICTED[task.name], 0.0, threshold=0.5, alerts=4)
    logged, classes = task.from_log(columns(task), {}, 4)
    assert classes == (CLASSES if task.has_classes else ())
    found, expected = metric_values(logged), metric_values(predictions)
    # the log has one probability, and no naive forecast
    names = (
        {"macro_f1", "accuracy"} if task.has_classes else expected.keys() - {"better_than_naive"}
    )
    assert names <= found.keys()
    assert {name: found[name] for name in names} == {name: expected[name] for name in names}


@each_task
def test_the_fallbacks_constant_is_that_of_the_trivial_model(task):
    truth = LABELS[task.name]
    label = [CLASSES[int(value)] for value in truth] if task.has_classes else truth.tolist()
    labels = pa.table({"label": label})
    with duckdb.connect() as connection:
        connection.register("labels", labels)
        ((number, name),) = connection.execute(task.constant_query("labels")).fetchall()
    if task.has_classes:
        assert name == CLASSES[int(task.baseline(truth))]
        assert number == pytest.approx(np.mean(truth == task.baseline(truth)))
    else:
        assert (number, name) == (pytest.approx(task.baseline(truth)), "")


@each_task
def test_an_evaluation_includes_the_trivial_models_metrics(task):
    rows = Labelled(LABELS[task.name])
    constant = task.baseline(rows.label)
    predictions = task.predictions(rows, PREDICTED[task.name], constant, threshold=0.5, alerts=4)
    found = task.evaluate(predictions, constant, CLASSES)
    trivial = task.trivial(rows.label, rows, len(CLASSES))
    values = metric_values(
        task.predictions(rows, trivial.prediction, constant, threshold=trivial.threshold)
    )
    beside = {"naive_constant_mae": "mae", "baseline_accuracy": "accuracy"}
    (compared,) = found.keys() & beside.keys()
    assert values[beside[compared]] == pytest.approx(found[compared])
    assert found["rows"] == ROWS


def test_classes_that_training_does_not_have_are_errors():
    task = find_task("multiclass")
    truth = np.array([0.0, 1.0, 2.0])
    predictions = task.predictions(Labelled(truth), np.eye(3)[:, :2] + 0.01, 0.0)
    assert predictions.probability.shape == (3, 3)
    found = task.evaluate(predictions, 0.0, CLASSES[:2])
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["confusion[not seen in training->amount]"] == 1


def test_tasks_can_be_used_without_training():
    code = (
        "import sys, lakehouse.models.tasks; print([name for name in sys.modules if "
        "name.startswith(('lakehouse.training', 'dagster', 'sklearn', "
        "'lightgbm', 'matplotlib'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

import threading
from contextlib import closing

import numpy as np
import pytest

from lakehouse.models.errors import TrainingError
from lakehouse.training.fitting.boosting import Examples, boost, dataset
from lakehouse.training.fitting.cross_fitting import out_of_fold
from lakehouse.training.fitting.parallel import Cancelled, fit_each, useful_threads
from lakehouse.training.sets.dataset import training_set
from lakehouse.training.sets.training_data import load_training_data


@pytest.mark.parametrize(
    ("items", "threads", "at_once", "each"),
    [(4, 1, 1, 1), (4, 2, 2, 1), (2, 8, 2, 4), (1, 3, 1, 3)],
)
def test_fits_share_the_threads_and_return_in_order(items, threads, at_once, each):
    together = threading.Barrier(at_once, timeout=20)

    def fit(item, threads):
        together.wait()
        return item, threads

    assert list(fit_each(fit, range(items), threads)) == [(i, each) for i in range(items)]


def test_without_items_nothing_is_fitted():
    assert list(fit_each(lambda item, threads: item, [], 2)) == []


def test_an_error_or_a_caller_that_stops_ends_the_other_fits(detector):
    spec, started, outcome = detector(), threading.Event(), []
    random = np.random.default_rng(0)
    examples = Examples(random.random((200, 2), dtype=np.float32), random.integers(0, 2, 200) * 1.0)

    def fit(item, threads):
        if item == "short":
            assert started.wait(20)
            return "done"
        if item == "broken":
            assert started.wait(20)
            raise TrainingError("rejected")
        params = {"objective": "binary", "num_threads": threads, "verbosity": -1}
        started.set()
        try:
            boost(spec, params, dataset(examples, [], params), 10_000_000)
        except Cancelled:
            outcome.append(item)
            raise

    with closing(fit_each(fit, ["short", "endless"], 2)) as results:
        assert next(results) == "done"
    assert outcome == ["endless"]
    started.clear()
    with pytest.raises(TrainingError, match="rejected"):
        list(fit_each(fit, ["broken", "endless"], 2))
    assert outcome == ["endless", "endless"]


def test_folds_in_parallel_give_the_same_bits_as_one_after_the_other(world, lake, detector):
    spec = detector(folds={"count": 3, "length": "3d"})
    data = load_training_data(spec, lake, training_set(spec, lake))
    assert len(data.folds) > 1

    def scored(threads):
        params = {"objective": "binary", "deterministic": True, "force_row_wise": True, "seed": 1}
        given = {**params, "verbosity": -1, "num_threads": threads}
        found = out_of_fold(spec, data.schema, data.train, data.folds, None, given, 20)
        return found.uncalibrated

    np.testing.assert_array_equal(scored(1), scored(2))


def test_a_fit_of_few_rows_uses_few_threads():
    assert [useful_threads(4, rows) for rows in (0, 150_000, 250_000, 10**9)] == [1, 1, 2, 4]

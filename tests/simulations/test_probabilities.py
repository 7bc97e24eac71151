"""Over twenty worlds, probabilities are calibrated and alerts use the capacity.

The bounds are those of the promise, not of the results. `python -m tests.simulations` prints the
table; seeds are fixed, so a failure is caused by a code change.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.simulations.outcomes import Outcome, pool, ratio, slope
from tests.simulations.probabilities import covers_1, is_at_capacity, run, table
from tests.simulations.worlds import WORLDS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> list[Outcome]:
    found = run(folder)
    print(table(found))
    return found


def test_twenty_worlds_have_tens_to_hundreds_of_positives(
    outcomes: list[Outcome],
) -> None:
    assert len(outcomes) == len(WORLDS) >= 20
    test_positives = [one.test_positives for one in outcomes]
    assert min(test_positives) < 60
    assert max(test_positives) > 300
    assert min(int(one.rows.truth.sum()) for one in outcomes) > 50


def test_observed_over_expected_covers_1_in_at_least_eighteen_worlds(
    outcomes: list[Outcome],
) -> None:
    assert sum(map(covers_1, outcomes)) >= 18


def test_all_worlds_together_have_as_many_positives_as_are_expected(
    outcomes: list[Outcome],
) -> None:
    rows = pool([one.rows for one in outcomes])
    assert 0.95 <= ratio(rows).value <= 1.05
    assert 0.85 <= slope(rows) <= 1.2
    assert 0.85 <= np.median([one.slope for one in outcomes]) <= 1.2


def test_alerts_a_day_are_at_capacity_in_at_least_eighteen_worlds(outcomes: list[Outcome]) -> None:
    assert sum(map(is_at_capacity, outcomes)) >= 18


def test_models_of_a_single_tree_use_their_capacity_as_well(
    outcomes: list[Outcome], folder: Path
) -> None:
    """Their scores are few and far from distinct, and most alerted rows have a low probability."""
    few = run(folder, only=(8, 10, 11, 12, 14), rounds=1)
    print(table(few))
    assert [one.rounds for one in few] == [1] * 5
    assert all(map(is_at_capacity, few))

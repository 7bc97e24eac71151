import math

import numpy as np
import pytest
from scipy import stats

from lakehouse.monitoring.look import distance
from lakehouse.monitoring.look.cells import FIRST

RANDOM = np.random.default_rng(7)
EDGES = np.array([-2.0, -1.0, 0.0, 0.5, 3.0])
HISTOGRAMS = [RANDOM.integers(0, 50, FIRST + len(EDGES) + 1) for _ in range(12)]
PAIRS = list(zip(HISTOGRAMS[::2], HISTOGRAMS[1::2], strict=True))
PLACES = [*EDGES, EDGES[-1]]
"""The position at which each cell counts."""


def plain_psi(reference, current):
    total = 0.0
    for n, m in zip(reference, current, strict=True):
        if n == m == 0:
            continue
        p = (n + 0.5) / (sum(reference) + 0.5 * len(reference))
        q = (m + 0.5) / (sum(current) + 0.5 * len(current))
        total += (q - p) * math.log(q / p)
    return total


@pytest.mark.parametrize(("reference", "current"), PAIRS)
def test_psi_is_what_plain_python_computes(reference, current):
    assert distance.psi(reference, current) == pytest.approx(plain_psi(reference, current))


def test_slots_empty_on_both_sides_contribute_nothing():
    reference, current = np.array([0, 0, 9000, 1000]), np.array([0, 0, 90, 10])
    assert distance.psi(reference, current) == pytest.approx(plain_psi(reference, current))
    assert distance.psi(reference, current) < 0.001


def test_psi_without_empty_cells_is_close_to_the_textbook_sum():
    reference, current = np.array([0, 0, 4000, 6000]), np.array([0, 0, 5000, 5000])
    textbook = (0.5 - 0.4) * math.log(0.5 / 0.4) + (0.5 - 0.6) * math.log(0.5 / 0.6)
    assert distance.psi(reference, current) == pytest.approx(textbook, rel=1e-3)


def test_a_cell_that_only_one_side_fills_has_a_finite_psi():
    psi = distance.psi(np.array([0, 0, 1000, 0]), np.array([0, 0, 0, 1000]))
    assert 10 < psi < 20


@pytest.mark.parametrize(("reference", "current"), PAIRS)
def test_ks_is_scipys_on_a_value_from_each_cell(reference, current):
    values = [*EDGES, EDGES[-1] + 1]
    samples = [np.repeat(values, counts[FIRST:]) for counts in (reference, current)]
    expected = stats.ks_2samp(*samples).statistic
    assert distance.ks(reference, current) == pytest.approx(expected)


@pytest.mark.parametrize(("reference", "current"), PAIRS)
def test_wasserstein_is_scipys_in_deviations_of_the_reference(reference, current):
    weights = [counts[FIRST:] for counts in (reference, current)]
    expected = stats.wasserstein_distance(PLACES, PLACES, *weights)
    deviation = np.repeat(PLACES, weights[0]).std()
    found = distance.wasserstein(reference, current, EDGES)
    assert found == pytest.approx(expected / deviation)


def test_several_windows_are_compared_at_once():
    reference = HISTOGRAMS[0]
    windows = np.array(HISTOGRAMS[1:])
    for measure in (distance.psi, distance.ks):
        one_by_one = [float(measure(reference, window)) for window in windows]
        assert measure(reference, windows) == pytest.approx(one_by_one)


def test_shares_are_of_all_rows():
    counts = np.array([[3, 1, 6, 0], [0, 0, 0, 0]])
    assert distance.missing_share(counts)[0] == pytest.approx(0.3)
    assert distance.unseen_share(counts)[0] == pytest.approx(0.1)
    assert np.isnan(distance.missing_share(counts)[1])


def test_without_rows_distances_are_undefined():
    empty = np.zeros_like(HISTOGRAMS[0])
    assert np.isnan(distance.psi(HISTOGRAMS[0], empty))
    assert np.isnan(distance.ks(HISTOGRAMS[0], empty))
    assert np.isnan(distance.wasserstein(HISTOGRAMS[0], empty, EDGES))


def test_a_reference_that_does_not_vary_has_no_unit_for_wasserstein():
    constant = np.array([0, 0, 0, 9, 0, 0, 0, 0])
    assert np.isnan(distance.wasserstein(constant, HISTOGRAMS[0], EDGES))

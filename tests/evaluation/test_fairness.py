from collections import defaultdict

import numpy as np
import pytest

from lakehouse.evaluation.document import Interval
from lakehouse.evaluation.fairness import _verdict, compare_groups
from lakehouse.evaluation.resampling import Resampling


def world(seed, *, gap=0.0, groups=6, positives=150, cards=1000):
    """Payments of cards, each in one group; frauds come in bursts on some of the cards.

    A share of .55 of the frauds is flagged, more on some cards than on others, and `gap` less in
    group 0.
    """
    random = np.random.default_rng(seed)
    card = random.integers(0, cards, cards * 6)
    group = random.integers(0, groups, cards)[card]
    chance = (0.02 + (random.random(cards) < 0.4) * 0.6)[card]
    truth = random.random(len(card)) < chance * positives * groups / chance.sum()
    found = random.beta(4, 4 * 0.45 / 0.55, cards)[card] - gap * (group == 0)
    flagged = random.random(len(card)) < np.where(truth, found, 0.01)
    return card, group, truth, flagged


def judged(seed, limit=0.1, keys=1, **options):
    card, group, truth, flagged = world(seed, **options)
    terminal = np.random.default_rng(seed + 10_000).integers(0, 300, len(card))
    resampling = Resampling.of(len(card), *(card, terminal)[:keys])
    return compare_groups("group", group, truth, flagged, resampling, limit=limit)


def plain(group, truth, flagged):
    """Rates by group in plain Python: selection, TPR, FPR."""
    counts = defaultdict(lambda: [0, 0])
    for g, y, f in zip(group.tolist(), truth.tolist(), flagged.tolist(), strict=True):
        for rate in ("selection", "tpr" if y else "fpr"):
            counts[g, rate][0] += f
            counts[g, rate][1] += 1
    return {key: hits / rows for key, (hits, rows) in counts.items()}


def test_rates_and_differences_are_those_of_plain_counting():
    _, group, truth, flagged = world(1, gap=0.25)
    found = judged(1, gap=0.25)
    rates = plain(group, truth, flagged)
    for each in found.groups:
        expected = (rates[int(each.value), rate] for rate in ("selection", "tpr", "fpr"))
        observed = (each.selection_rate.value, each.tpr.value, each.fpr.value)
        assert observed == pytest.approx(tuple(expected))
    gaps = {
        rate: max(v for (_, r), v in rates.items() if r == rate)
        - min(v for (_, r), v in rates.items() if r == rate)
        for rate in ("selection", "tpr", "fpr")
    }
    assert found.equalized_odds_difference.value == pytest.approx(max(gaps["tpr"], gaps["fpr"]))
    assert found.demographic_parity_difference.value == pytest.approx(gaps["selection"])


def test_differences_are_those_of_fairlearn():
    judge = pytest.importorskip("fairlearn.metrics")
    _, group, truth, flagged = world(2)
    found = judged(2)
    expected = judge.equalized_odds_difference(truth, flagged, sensitive_features=group)
    assert found.equalized_odds_difference.value == pytest.approx(expected)
    expected = judge.demographic_parity_difference(truth, flagged, sensitive_features=group)
    assert found.demographic_parity_difference.value == pytest.approx(expected)


def test_random_groups_seem_to_differ_and_do_not_trip_the_gate():
    found = [judged(seed, positives=60) for seed in range(60)]
    assert np.mean([each.equalized_odds_difference.value for each in found]) > 0.12
    assert sum(each.verdict == "exceeds" for each in found) <= 1


def test_with_a_limit_of_zero_random_groups_rarely_trip_the_gate():
    found = [judged(seed, limit=0.0) for seed in range(60)]
    assert sum(each.verdict == "exceeds" for each in found) <= 8


def test_a_real_gap_trips_the_gate_with_one_key_and_with_two():
    found = [judged(seed, gap=0.25) for seed in range(30)]
    assert sum(each.verdict == "exceeds" for each in found) > 15
    found = [judged(seed, gap=0.25, keys=2) for seed in range(10)]
    assert sum(each.verdict == "exceeds" for each in found) > 4


@pytest.mark.slow
def test_in_two_hundred_worlds_the_gate_finds_real_gaps_and_few_others():
    random_groups = [judged(seed, limit=0.0) for seed in range(200)]
    assert sum(each.verdict == "exceeds" for each in random_groups) <= 20
    assert not any(each.equalized_odds_difference.low > 0.1 for each in random_groups)
    unfair = [judged(seed, gap=0.25) for seed in range(200)]
    assert sum(each.verdict == "exceeds" for each in unfair) > 120


def test_a_gap_in_false_alarms_counts_like_one_in_hits():
    card, group, truth, flagged = world(3, groups=2)
    flagged = flagged | ((group == 0) & ~truth & (np.arange(len(card)) % 3 == 0))
    resampling = Resampling.of(len(card), card)
    found = compare_groups("group", group, truth, flagged, resampling, limit=0.2)
    assert found.equalized_odds_difference.value == pytest.approx(0.33, abs=0.03)
    assert found.verdict == "exceeds"


def test_groups_with_few_positives_are_reported_and_do_not_count():
    card, group, truth, flagged = world(4, groups=3)
    truth = truth & ((group < 2) | (np.arange(len(card)) % 12 == 0))
    flagged = flagged & (group < 2)
    found = compare_groups("g", group, truth, flagged, Resampling.of(len(card), card), limit=0.5)
    assert [each.counted for each in found.groups] == [True, True, False]
    assert found.groups[2].tpr.value == 0.0
    assert found.equalized_odds_difference.high < 0.5
    assert found.verdict == "within"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.0, 0.30, "not shown to exceed"),
        (0.0, 0.05, "within"),
        (0.05, 0.30, "not shown to exceed"),
        (0.051, 0.30, "exceeds"),
    ],
)
def test_the_verdict_uses_the_whole_interval(low, high, verdict):
    odds = Interval(value=(low + high) / 2, low=low, high=high)
    assert _verdict(odds, 0.05) == verdict


def test_a_few_rows_never_prove_that_groups_are_within_the_limit():
    card, group, truth, flagged = world(6, positives=60)
    found = compare_groups("g", group, truth, flagged, Resampling.of(len(card), card), limit=0.05)
    assert found.equalized_odds_difference.high > 0.05
    assert found.verdict in ("not shown to exceed", "exceeds")


def test_fewer_than_two_groups_to_compare_is_insufficient():
    card, group, truth, flagged = world(5, groups=2, positives=60)
    truth = truth & ((group == 0) | (np.arange(len(card)) % 40 == 0))
    found = compare_groups("g", group, truth, flagged, Resampling.of(len(card), card), limit=0.0)
    assert (found.verdict, found.equalized_odds_difference) == ("insufficient", None)
    assert found.demographic_parity_difference is None

"""Intervals of shares hold the true value about as often as stated, and are not too long."""

import numpy as np
import pytest

from lakehouse.evaluation.comparisons import compare
from lakehouse.evaluation.resampling import Resampling
from tests.simulations.intervals import METRICS, coverage, world


def test_few_of_forty_intervals_miss_an_auc_of_97():
    """Percentile intervals missed it in seven of these."""
    found = coverage(40, 55, 0.97, "card", ("auc_roc",))["auc_roc"]
    assert found.held >= 90
    assert found.length < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("clusters", ["none", "card", "card and terminal"])
@pytest.mark.parametrize("auc", [0.75, 0.9, 0.97])
@pytest.mark.parametrize("positives", [30, 55, 200])
def test_intervals_hold_the_true_value(positives, auc, clusters):
    """At least 92 of 100 with 55 positives or more, less two standard errors of so many worlds."""
    worlds = 150
    found = coverage(worlds, positives, auc, clusters)
    for name in METRICS:
        one = found[name]
        print(f"{positives} {auc} {clusters} {name}: {one.held:.1f} % held, {one.length:.3f} long")
    allowed = 100 * 2 * (0.08 * 0.92 / worlds) ** 0.5
    assert found["auc_roc"].held >= (92 if positives >= 55 else 90) - allowed
    assert found["auc_roc"].length < {30: 0.25, 55: 0.18, 200: 0.1}[positives]


def verdicts(worlds, positives, auc, better=0.0):
    """Two scores of the same rows, the first with `better` deviations more separation."""
    found = []
    for seed in range(worlds):
        ours, (card,) = world(seed, positives, auc, "card")
        theirs, _ = world(seed, positives, auc, "card")
        own = [_noise(seed, one, ours.rows) for one in (1, 2)]
        resampling = Resampling.of(ours.rows, card)
        pair = [
            type(ours)(ours.truth, predictions.score + 0.5 * noise + extra * ours.truth)
            for predictions, noise, extra in zip((ours, theirs), own, (better, 0.0), strict=True)
        ]
        (one,) = compare(
            *pair,
            resampling,
            against="champion",
            version="v1",
            metrics=["average_precision"],
            minimum_positives=20,
        )
        found.append(one.verdict)
    return found


def _noise(seed, one, rows):
    return np.random.default_rng([seed, one, 7]).normal(size=rows)


@pytest.mark.slow
@pytest.mark.parametrize("positives", [55, 200])
def test_equally_good_scores_are_called_better_one_time_in_forty(positives):
    worlds = 250 if positives < 200 else 80
    found = verdicts(worlds, positives, 0.9)
    share = {name: 100 * found.count(name) / worlds for name in ("better", "worse")}
    print(f"{positives} positives: {share}")
    assert max(share.values()) <= 2.5 + 3 * (2.5 * 97.5 / worlds) ** 0.5
    assert verdicts(30, positives, 0.9, better=1.5).count("better") >= 25

"""Effect of wrong labels on a metric: positives reported too late, or reversed."""

from collections.abc import Callable

import numpy as np

from lakehouse.evaluation.arrays import Bools, Floats
from lakehouse.evaluation.comparisons import finite_or_none
from lakehouse.evaluation.review_document import LabelScenario

DRAWS = 10

Metric = Callable[[Bools], float]
"""The metric of unchanged scores under a given truth (rows,)."""


def late_scenario(truth: Bools, late: Bools, metric: Metric) -> LabelScenario:
    """The metric if positives that were reported too `late` (a mask) counted as positive."""
    return LabelScenario(
        name="late reports count as positives",
        flipped=int((late & ~truth).sum()),
        value=finite_or_none(metric(truth | late)),
    )


def hidden_scenarios(
    truth: Bools, score: Floats, share: float, metric: Metric, seed: int = 0, draws: int = DRAWS
) -> tuple[LabelScenario, ...]:
    """The metric if `share` of all true positives were hidden among the negatives.

    The hidden rows are unknown, so there are two scenarios: all negatives are equally likely, as if
    the model had no information about them, or likely in proportion to their score, as if the model
    would have found them.
    """
    negatives = np.flatnonzero(~truth)
    count = min(round(int(truth.sum()) * share / (1 - share)), len(negatives))
    odds = score[negatives]
    total = float(np.sum(odds))
    alike = _draws(
        "hidden among all negatives alike", truth, negatives, None, count, metric, seed, draws
    )
    if not total > 0 or int((odds > 0).sum()) < count:
        return (alike,)
    by_score = _draws(
        "hidden in proportion to the score",
        truth,
        negatives,
        odds / total,
        count,
        metric,
        seed,
        draws,
    )
    return alike, by_score


def reversed_scenario(
    truth: Bools, share: float, metric: Metric, seed: int = 0, draws: int = DRAWS
) -> LabelScenario:
    """The metric if `share` of the positives, drawn at random, were reversed."""
    positives = np.flatnonzero(truth)
    count = round(len(positives) * share)
    return _draws("reversed", truth, positives, None, count, metric, seed, draws)


def _draws(
    name: str,
    truth: Bools,
    candidates: np.ndarray[tuple[int], np.dtype[np.int64]],
    chance: Floats | None,
    count: int,
    metric: Metric,
    seed: int,
    draws: int,
) -> LabelScenario:
    values = []
    for draw in range(draws if count else 1):
        random = np.random.default_rng([seed, draw])
        flipped = truth.copy()
        chosen = random.choice(candidates, size=count, replace=False, p=chance, shuffle=False)
        flipped[chosen] = ~flipped[chosen]
        values.append(metric(flipped))
    finite = [value for value in values if np.isfinite(value)]
    is_complete = len(finite) == len(values)
    return LabelScenario(
        name=name,
        flipped=count,
        value=float(np.mean(finite)) if is_complete else None,
        low=min(finite) if is_complete else None,
        high=max(finite) if is_complete else None,
    )

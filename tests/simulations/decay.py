"""A champion in use for a year, checked daily as its labels mature, with a known performance."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import numpy as np

from lakehouse.evaluation.document import Evaluation
from lakehouse.evaluation.intervals import metric_intervals
from lakehouse.evaluation.metrics import metric_value
from lakehouse.evaluation.predictions import Binary
from lakehouse.evaluation.resampling import Resampling
from lakehouse.models import ModelSpec
from lakehouse.monitoring.findings import Finding
from lakehouse.monitoring.review.matured import MaturedRows
from lakehouse.monitoring.review.performance import JUDGED_WINDOW, decay_finding, measure_decay
from tests.monitoring.matured_lake import BASE

METRIC = "average_precision"
RATE, CUSTOMERS, TEST_DAYS, YEAR = 0.05, 300, 14, 365
SKILL = {0.5: 1.89, 0.35: 1.52}
"""By average precision: how far positives score above negatives, in deviations of the noise."""

Skill = Callable[[int], float]
"""The skill on each day."""


def spec_of(**changes: object) -> ModelSpec:
    spine = {**BASE["spine"], "entities": ["customer_id"]}
    return ModelSpec(**{**BASE, "spine": spine, "judging": {"repeats": 100}, **changes})


def rows_of(seed: int, days: range, per_day: int, skill: Skill) -> MaturedRows:
    """`per_day` rows a day of customers with individual habits; one in twenty is positive."""
    random = np.random.default_rng([seed, days.start + TEST_DAYS])
    day = np.repeat(np.arange(days.start, days.stop), per_day)
    customer = random.integers(0, CUSTOMERS, len(day))
    truth = random.random(len(day)) < RATE
    lift = np.repeat([skill(one) for one in days], per_day)
    habit = np.random.default_rng([seed, 1]).normal(size=CUSTOMERS)[customer]
    score = lift * truth + 0.4 * habit + np.sqrt(1 - 0.4**2) * random.normal(size=len(day))
    predictions = Binary(truth, score)
    return MaturedRows(np.arange(len(day)), day, {"customer_id": customer}, predictions)


def evaluate(rows: MaturedRows) -> Evaluation:
    """The evaluation of a test on these rows, with its interval."""
    resampling = Resampling.of(rows.predictions.rows, rows.entities["customer_id"])
    found = metric_intervals(rows.predictions, resampling, only=[METRIC])[METRIC]
    assert found is not None
    return Evaluation(metrics={"test": {METRIC: found.value}}, intervals={METRIC: found})


def looks(
    spec: ModelSpec, seed: int, skill: Skill, days: int = YEAR, per_day: int = 100
) -> Iterator[tuple[int, Finding]]:
    """Each day from the test on with its finding, where the finding can be negative.

    A metric that is not below its bound raises no alarm whatever its interval, so those looks are
    left out.
    """
    test = rows_of(seed, range(-TEST_DAYS, 0), per_day, lambda _: skill(0))
    evaluation, rows = evaluate(test), rows_of(seed, range(days), per_day, skill)
    bound = evaluation.metrics["test"][METRIC] * (1 - spec.watch.performance_drop)
    for day in range(1, days + 1):
        judged = rows.take((rows.day < day) & (rows.day >= day - JUDGED_WINDOW.days))
        if metric_value(judged.predictions, METRIC) < bound:
            decay = measure_decay(spec, evaluation, judged)
            yield day, decay_finding(spec, decay, date(1970, 1, 1) + timedelta(days=day))


def first_alarm(spec: ModelSpec, seed: int, skill: Skill, **size: int) -> int | None:
    """The first day on which the champion is called worse; None if it never is."""
    return next((day for day, one in looks(spec, seed, skill, **size) if one.failed), None)

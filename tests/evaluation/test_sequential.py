import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from lakehouse.evaluation.sequential import Look, boundary, decide

LOOKS, PER_LOOK = 30, 20


def runs(drift, count=4000, looks=LOOKS):
    """Standardized differences over looks at growing data; `drift`: mean of the last one's."""
    random = np.random.default_rng(11)
    steps = random.normal(drift / math.sqrt(looks), 1, (count, looks))
    return steps.cumsum(axis=1) / np.sqrt(np.arange(1, looks + 1))


def crossed(z, bounds):
    usable = np.arange(1, z.shape[1] + 1) * PER_LOOK >= 50
    return float(((z > bounds) & usable).any(axis=1).mean())


def bounds(looks=LOOKS):
    return np.array([boundary(PER_LOOK * look) for look in range(1, looks + 1)])


def test_thirty_looks_have_the_false_alarm_rate_of_one_look():
    z = runs(drift=0)
    assert crossed(z, np.full(LOOKS, 1.96)) > 0.10
    assert crossed(z, bounds()) <= 0.025
    assert crossed(-z, bounds()) <= 0.025


def test_a_year_of_daily_looks_has_it_too():
    assert crossed(runs(drift=0, count=2000, looks=365), bounds(365)) <= 0.025


def test_a_real_difference_is_found_and_a_large_one_early():
    assert crossed(runs(drift=5), bounds()) > 0.95
    assert crossed(runs(drift=15)[:, : LOOKS // 3], bounds(LOOKS // 3)) > 0.95


def test_the_boundary_is_nearly_lowest_at_the_planned_number_of_positives():
    def half_width(planned):  # in units of the estimate, at 500 positives
        return boundary(500, planned)

    assert half_width(500) < min(half_width(50), half_width(5000))
    assert half_width(500) == pytest.approx(
        min(half_width(p) for p in range(100, 2000, 50)), rel=0.01
    )


def looks(*differences, error=0.1, positives=100):
    return [
        Look(positives=positives * number, difference=each, standard_error=error / number**0.5)
        for number, each in enumerate(differences, start=1)
    ]


def test_the_first_crossing_decides_and_later_looks_do_not_take_it_back():
    found = decide(looks(0.0, 0.5, 0.0))
    assert (found.verdict, found.look) == ("better", 1)
    assert found.difference.value == 0.5
    assert decide(looks(0.0, -0.5, 0.0)).verdict == "worse"


def test_of_losses_the_smaller_is_better():
    assert decide(looks(-0.5), lower_is_better=True).verdict == "better"


def test_a_difference_that_a_single_look_would_show_waits_for_more_looks():
    found = decide(looks(0.25))  # 2.5 standard errors
    assert (found.verdict, found.look) == ("no difference shown", None)
    assert found.difference.low < 0 < found.difference.high


def test_looks_with_few_positives_decide_nothing():
    few = looks(9.0, positives=20)
    assert decide(few).verdict == "insufficient"
    assert decide([]).verdict == "insufficient"
    assert decide(few, minimum_positives=20).verdict == "better"


def test_a_table_of_looks_is_the_whole_state():
    table = json.loads(json.dumps([asdict(look) for look in looks(0.1, 0.6)]))
    assert decide([Look(**row) for row in table]) == decide(looks(0.1, 0.6))

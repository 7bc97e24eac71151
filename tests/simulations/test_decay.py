"""A champion that keeps its promise has few false alarms (one year of twenty); a loss is found."""

import numpy as np
import pytest

from lakehouse.evaluation.metrics import metric_value
from tests.simulations.decay import SKILL, first_alarm, rows_of, spec_of

SPEC = spec_of()


def constant_skill(day):
    return SKILL[0.5]


def dropping_skill(day):
    """From .5 to .35 on day 60."""
    return SKILL[0.5] if day < 60 else SKILL[0.35]


@pytest.mark.parametrize("precision", SKILL)
def test_a_skill_has_its_average_precision(precision):
    predictions = rows_of(0, range(400), 100, lambda _: SKILL[precision]).predictions
    found = metric_value(predictions, "average_precision")
    assert found == pytest.approx(precision, abs=0.02)


def test_a_loss_of_three_tenths_is_found_in_five_weeks_and_not_before_it_happens():
    day = first_alarm(SPEC, 1, dropping_skill, days=100, per_day=400)
    assert 60 < day <= 60 + 35


@pytest.mark.slow
@pytest.mark.parametrize("per_day", [100, 400])
def test_constant_skill_raises_an_alarm_in_at_most_one_year_of_twenty(per_day):
    years = 60 if per_day == 100 else 30
    has_alarm = [
        first_alarm(SPEC, seed, constant_skill, per_day=per_day) is not None
        for seed in range(years)
    ]
    print(
        f"{per_day / 20:.0f} positives a day: {100 * np.mean(has_alarm):.1f} % of {years} "
        "years have an alarm"
    )
    assert np.mean(has_alarm) <= 0.05 + 2 * (0.05 * 0.95 / years) ** 0.5


@pytest.mark.slow
def test_with_twenty_positives_a_day_the_median_time_to_find_a_loss_is_four_weeks():
    days = [first_alarm(SPEC, seed, dropping_skill, days=120, per_day=400) for seed in range(20)]
    late = np.array([np.inf if day is None else day - 60 for day in days])
    print(f"found after {np.quantile(late, [0.25, 0.5, 0.75]).tolist()} days")
    assert np.mean(late <= 42) >= 0.75
    assert np.median(late) <= 30
    assert (late > 0).all()

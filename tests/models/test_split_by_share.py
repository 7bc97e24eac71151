"""Splits by share of the rows, against a plain list of times."""

import math
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.models.errors import NotEnoughData
from lakehouse.models.spec import ModelSpec
from lakehouse.models.split import Split, plan_split
from tests.training.conftest import spec_values

START = datetime(2026, 1, 1)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)


class Times:
    """The times of rows in a list."""

    def __init__(self, times):
        self.times = times

    def count(self, before):
        return sum(time < before for time in self.times)

    def newest(self, number, before):
        earlier = sorted((time for time in self.times if time < before), reverse=True)
        return earlier[number - 1] if number <= len(earlier) else None


def make_spec(**split):
    gap = split.pop("gap", "0h")
    label = {"table": "core.fct_labels", "column": "is_fraud", "maturity": gap}
    return ModelSpec(**spec_values(split=split, label=label))


def has_rows_for_each_period(times, settled, test, validation, gap):
    """Whether each period finds its rows, from the newest period to the oldest."""
    begin = None
    for share in filter(None, (test, validation)):
        rows = sorted(time for time in times if begin is None or time < begin - gap)
        rows = rows if begin else sorted(settled)
        least = math.ceil(Fraction(str(share)) * len(settled))
        if not settled or least > len(rows):
            return False
        begin = rows[-least]
    return any(time < begin - gap for time in times)


shares = st.sampled_from([0.1, 0.2, 0.25, 0.3, 0.45])


@given(
    hours=st.lists(st.integers(0, 60), min_size=1, max_size=60),
    test=shares,
    validation=shares | st.just(0),
    gap=st.integers(0, 8),
    late=st.integers(0, 12),
)
def test_periods_hold_at_least_their_share_and_no_instant_is_divided(
    hours, test, validation, gap, late
):
    times = [START + hour * HOUR for hour in hours]
    cutoff = max(times) + late * HOUR
    spec = make_spec(test=test, validation=validation, gap=f"{gap}h")
    settled = [time for time in times if time + gap * HOUR <= cutoff]
    can_be_split = has_rows_for_each_period(times, settled, test, validation, gap * HOUR)
    try:
        split = plan_split(spec, cutoff, min(times), Times(times))
    except NotEnoughData:
        assert not can_be_split
        return
    assert can_be_split

    def inside(start, end):
        return sorted(time for time in times if start <= time < end)

    tested = inside(split.test_from, split.test_until)
    least = math.ceil(Fraction(str(test)) * len(settled))
    assert len(tested) >= least
    assert len([time for time in tested if time > split.test_from]) < least
    assert tested == sorted(time for time in settled if time >= split.test_from)
    validated = inside(split.validation_from, split.validation_until)
    least = math.ceil(Fraction(str(validation)) * len(settled))
    assert len(validated) >= least
    assert len([time for time in validated if time > split.validation_from]) < max(least, 1)
    trained = inside(split.train_from, split.train_until)
    assert trained
    assert max(trained) + gap * HOUR < split.validation_from, "labels were known by then"
    if validated:
        assert max(validated) + gap * HOUR < split.test_from
    assert Split.from_json(split.as_json()) == split


def test_a_day_of_rows_can_be_split():
    times = [START + n * HOUR for n in range(20)]
    split = plan_split(make_spec(test=0.2, validation=0.1), START + 20 * HOUR, START, Times(times))
    assert split.test_from == START + 16 * HOUR
    assert (split.validation_from, split.validation_until) == (START + 14 * HOUR, split.test_from)
    assert split.train_until == START + 14 * HOUR
    assert split.untested_from == (START + timedelta(days=1)).date()


def test_a_share_is_exact_in_decimals():
    """0.1 * 30 is 3.0000000000000004 in floats, which would be four rows."""
    times = [START + n * HOUR for n in range(30)]
    split = plan_split(make_spec(test=0.1, validation=0), START + 30 * HOUR, START, Times(times))
    assert split.test_from == START + 27 * HOUR


def test_rows_of_one_instant_leave_nothing_to_train_on_and_the_error_says_what_to_do():
    with pytest.raises(NotEnoughData, match=r"4 rows .*none of them to train on: wait for rows of"):
        plan_split(make_spec(test=0.2), START + HOUR, START, Times([START] * 4))


def test_no_settled_label_names_the_input_and_until_when_to_wait():
    spec = make_spec(test=0.2, gap="14d")
    with pytest.raises(
        NotEnoughData,
        match=r"no label has settled: .* labels settle 14d after their row, and core.fct_labels "
        r"is complete up to 2026-01-03 .*wait for more data: .* up to 2026-01-15 00:00",
    ):
        plan_split(spec, START + timedelta(days=2), START, Times([START]))


def test_a_limited_training_period_counts_back_from_its_end():
    times = [START + n * HOUR for n in range(100)]
    spec = make_spec(test=0.2, validation=0.1, train="24h")
    split = plan_split(spec, START + 100 * HOUR, START, Times(times))
    assert split.train_until - split.train_from == 24 * HOUR


@pytest.mark.parametrize(
    ("split", "complaint"),
    [
        ({"test": 0.2, "validation": "7d"}, "make both shares of the rows, or both durations"),
        ({"test": "7d", "validation": 0.2}, "make both shares of the rows, or both durations"),
        ({"test": 0.6, "validation": 0.5}, "1.1 of the rows together, which leaves none"),
        ({"test": 0.6}, "1.2 of the rows together"),
        ({"test": 0}, "a test period is needed"),
        ({"test": 14}, "14 is neither a share of the rows, such as 0.2, nor a duration"),
        ({"test": -0.2}, "-0.2 is neither a share"),
        ({"test": True}, "True is neither a share"),
        ({"test": "a fifth"}, "'a fifth' is not a duration"),
    ],
)
def test_a_split_that_cannot_be_meant_is_refused(split, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_spec(**split)


def test_validation_is_like_test_unless_declared():
    assert make_spec(test=0.2).split.validation == 0.2
    assert make_spec(test="7d").split.validation == timedelta(days=14)
    assert make_spec(test="7d", validation=0).split.validation == 0


def test_a_capacity_a_week_splits_at_mondays():
    spec = ModelSpec(
        **spec_values(
            capacity={"alerts": 5, "per": "week"},
            split={"test": "14d", "validation": "7d", "gap": "10d"},
        )
    )
    split = plan_split(spec, datetime(2026, 3, 19, 5), START)
    bounds = [split.test_until, split.test_from, split.validation_until, split.validation_from]
    assert all(bound.weekday() == 0 and bound.time() == START.time() for bound in bounds)
    assert split.test_until == datetime(2026, 3, 9)
    assert split.test_from - split.validation_until >= spec.gap
    assert split.validation_from - split.train_until >= spec.gap


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"split": {"test": "10d", "gap": "7d"}},
            "`split.test` is 10d, and the capacity is a week",
        ),
        ({"folds": {"length": "3d"}}, "`folds.length` is 3d, .*make it whole weeks"),
        ({"threshold": {"trailing": "10d"}}, "`threshold.trailing` is 10d"),
        ({"gates": [{"metric": "alerts_per_day", "at_most": 9}]}, "use alerts_per_week"),
    ],
)
def test_a_capacity_a_week_needs_whole_weeks(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        ModelSpec(**spec_values(capacity={"alerts": 5, "per": "week"}, **changes))

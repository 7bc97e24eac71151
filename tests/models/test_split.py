from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.models.errors import NotEnoughData
from lakehouse.models.split import Split, plan_split

FIRST = datetime(2026, 1, 1, 9, 30)
MIDNIGHT = datetime(2026, 1, 1).time()


def days(number):
    return f"{number}d"


@given(
    history=st.integers(0, 200),
    test=st.integers(1, 20),
    validation=st.integers(1, 20),
    gap=st.integers(0, 20),
    train=st.none() | st.integers(1, 50),
    seconds=st.integers(0, 86_399),
)
def test_periods_are_whole_days_in_order_with_a_gap_before_each(
    detector, history, test, validation, gap, train, seconds
):
    split = {"test": days(test), "validation": days(validation), "gap": days(gap)}
    spec = detector(split=split | ({"train": days(train)} if train else {}))
    cutoff = FIRST + timedelta(days=history, seconds=seconds)
    try:
        made = plan_split(spec, cutoff, FIRST)
    except NotEnoughData:
        assert history < test + validation + 3 * gap + 3
        return
    assert made.train_from < made.train_until <= made.validation_from < made.validation_until
    assert made.validation_until <= made.test_from < made.test_until
    assert made.validation_from - made.train_until == timedelta(days=gap)
    assert made.test_from - made.validation_until == timedelta(days=gap)
    assert timedelta() <= cutoff + timedelta(microseconds=1) - made.test_until - spec.gap
    assert made.test_until - made.test_from == timedelta(days=test)
    bounds = [value for name, value in vars(made).items() if name != "cutoff"]
    assert all(bound.time() == MIDNIGHT for bound in bounds)
    if train:
        assert made.train_until - made.train_from <= timedelta(days=train)
    assert Split.from_json(made.as_json()) == made


def test_a_complete_last_day_is_not_lost(detector):
    spec = detector(split={"test": "1d", "validation": "1d", "gap": "7d"})
    sealed = datetime(2026, 3, 8) - timedelta(microseconds=1)
    assert plan_split(spec, sealed, FIRST).test_until == datetime(2026, 3, 1)


def test_too_short_a_history_is_an_error_that_says_what_would_do(detector):
    with pytest.raises(NotEnoughData, match=r"leaves no day to train on.*wait for more data"):
        plan_split(detector(), FIRST + timedelta(days=20), FIRST)


def test_without_a_validation_period_one_gap_parts_training_from_the_test(detector):
    spec = detector(split={"test": "7d", "validation": "0d", "gap": "7d", "train": "7d"})
    made = plan_split(spec, datetime(2026, 3, 15), FIRST)
    assert (made.train_from, made.train_until) == (datetime(2026, 2, 15), datetime(2026, 2, 22))
    assert (made.test_from, made.test_until) == (datetime(2026, 3, 1), datetime(2026, 3, 8))

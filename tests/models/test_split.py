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
        split = plan_split(spec, cutoff, FIRST)
    except NotEnoughData:
        assert history < test + validation + 3 * gap + 3
        return
    assert split.train_from < split.train_until <= split.validation_from < split.validation_until
    assert split.validation_until <= split.test_from < split.test_until
    assert split.validation_from - split.train_until == timedelta(days=gap)
    assert split.test_from - split.validation_until == timedelta(days=gap)
    assert timedelta() <= cutoff + timedelta(microseconds=1) - split.test_until - spec.gap
    assert split.test_until - split.test_from == timedelta(days=test)
    bounds = [value for name, value in vars(split).items() if name != "cutoff"]
    assert all(bound.time() == MIDNIGHT for bound in bounds)
    if train:
        assert split.train_until - split.train_from <= timedelta(days=train)
    assert Split.from_json(split.as_json()) == split


def test_a_complete_last_day_is_not_lost(detector):
    spec = detector(split={"test": "1d", "validation": "1d", "gap": "7d"})
    sealed = datetime(2026, 3, 8) - timedelta(microseconds=1)
    assert plan_split(spec, sealed, FIRST).test_until == datetime(2026, 3, 1)


def test_too_short_a_history_is_an_error_with_a_remedy(detector):
    with pytest.raises(NotEnoughData, match=r"leaves no day to train on.*wait for more data"):
        plan_split(detector(), FIRST + timedelta(days=20), FIRST)


def test_without_a_validation_period_one_gap_separates_training_and_test(detector):
    spec = detector(split={"test": "7d", "validation": "0d", "gap": "7d", "train": "7d"})
    split = plan_split(spec, datetime(2026, 3, 15), FIRST)
    assert (split.train_from, split.train_until) == (datetime(2026, 2, 15), datetime(2026, 2, 22))
    assert (split.test_from, split.test_until) == (datetime(2026, 3, 1), datetime(2026, 3, 8))

"""Splitting by time, with gaps for labels to settle between the periods.

    train | gap | validation | gap | test | gap | cut-off

A period includes its start and excludes its end. A training row's label is known before validation
begins, a validation row's before the test begins: a model is only trained on labels that were known
when it would have had to decide. Bounds are midnights (UTC) if periods are declared as durations,
Mondays if the capacity is per week, and the times of rows if they are shares of the rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import Protocol

from lakehouse.declarations.durations import format_duration
from lakehouse.evaluation.periods import midnight
from lakehouse.models.errors import NotEnoughData
from lakehouse.models.spec import ModelSpec

DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Split:
    """Bounds of the three periods, naive UTC; labels known after `cutoff` are ignored."""

    train_from: datetime
    train_until: datetime
    validation_from: datetime
    validation_until: datetime
    test_from: datetime
    test_until: datetime
    cutoff: datetime

    @property
    def untested_from(self) -> date:
        """The first day without a row of the test period."""
        return midnight(self.test_until + DAY - _TICK).date()

    def as_json(self) -> dict[str, str]:
        """The bounds as ISO texts."""
        return {name: value.isoformat() for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, str]) -> "Split":
        """The inverse of `as_json`."""
        return cls(**{name: datetime.fromisoformat(value) for name, value in values.items()})


class RowTimes(Protocol):
    """The times of the spine's rows."""

    def count(self, before: datetime) -> int:
        """The number of rows before a time."""

    def newest(self, number: int, before: datetime) -> datetime | None:
        """The time of the `number`-th newest row (from 1) before a time; None if there are fewer
        rows."""


def plan_split(
    spec: ModelSpec, cutoff: datetime, first: datetime, times: RowTimes | None = None
) -> Split:
    """The newest split that labels known up to `cutoff` allow; `first` is the oldest row's time.

    `times` are needed for a split by share.

    Raises:
        NotEnoughData: when too little is left for training; it names until when to wait.
    """
    if spec.split.is_by_share:
        assert times is not None
        return _by_share(spec, cutoff, first, times)
    return _by_duration(spec, cutoff, first)


def _by_duration(spec: ModelSpec, cutoff: datetime, first: datetime) -> Split:
    test, validation = spec.split.test, spec.split.validation or timedelta()
    assert isinstance(test, timedelta)
    assert isinstance(validation, timedelta)

    def floor(time: datetime) -> datetime:
        day = midnight(time)
        return spec.capacity.period.floor(day) if spec.capacity else day

    test_until = floor(cutoff + _TICK - spec.gap)
    test_from = floor(test_until - test)
    # without a validation period, training ends one gap before the test instead of two
    validation_until = floor(test_from - spec.gap) if validation else test_from
    validation_from = floor(validation_until - validation)
    train_until = floor(validation_from - spec.gap)
    train_from = midnight(first)
    if spec.split.train is not None:
        train_from = max(train_from, train_until - spec.split.train)
    if train_until - train_from < DAY:
        after_training = cutoff - train_until
        raise NotEnoughData(
            f"{spec.name}: history from {first:%Y-%m-%d} with labels known up to "
            f"{cutoff:%Y-%m-%d} leaves no day to train on before validation, test and their gaps "
            f"({after_training} in all); {_wait_for(spec, train_from + DAY + after_training)}, or "
            "shorten `split`"
        )
    return Split(
        train_from, train_until, validation_from, validation_until, test_from, test_until, cutoff
    )


def _by_share(spec: ModelSpec, cutoff: datetime, first: datetime, times: RowTimes) -> Split:
    """Each period begins at the time of a row, so that rows of one instant stay together."""
    test_until = cutoff + _TICK - spec.gap
    rows = times.count(test_until)
    if not rows:
        raise NotEnoughData(
            f"{spec.name}: no label has settled: the first row is of {first}, labels settle "
            f"{format_duration(spec.gap)} after their row, and {spec.label_table} is complete up "
            f"to {cutoff}; {_wait_for(spec, first + spec.gap)}"
        )

    def begin(share: timedelta | float, until: datetime) -> datetime:
        """The start of a period with at least this share of all rows that ends at `until`."""
        assert isinstance(share, float)
        found = times.newest(ceil(Fraction(str(share)) * rows), until)
        if found is None:
            raise _too_few(spec, rows, first, cutoff)
        return found

    test_from = begin(spec.split.test, test_until)
    validation_from = validation_until = test_from
    if spec.split.validation:
        validation_until = test_from - spec.gap
        validation_from = begin(spec.split.validation, validation_until)
    train_until = validation_from - spec.gap
    train_from = midnight(first)
    if spec.split.train is not None:
        train_from = max(train_from, train_until - spec.split.train)
    if times.newest(1, train_until) is None or train_until <= train_from:
        raise _too_few(spec, rows, first, cutoff)
    return Split(
        train_from, train_until, validation_from, validation_until, test_from, test_until, cutoff
    )


def _too_few(spec: ModelSpec, rows: int, first: datetime, cutoff: datetime) -> NotEnoughData:
    return NotEnoughData(
        f"{spec.name}: {rows:,} rows from {first} on have labels that settled by {cutoff}, and "
        f"`split` with its gaps of {format_duration(spec.gap)} leaves none of them to train on: "
        "wait for rows of more days, declare smaller shares, or a shorter `label.maturity` if "
        "labels are known earlier"
    )


def _wait_for(spec: ModelSpec, until: datetime) -> str:
    return f"wait for more data: {spec.label_table} has to be complete up to {until:%Y-%m-%d %H:%M}"

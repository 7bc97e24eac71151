"""Splitting by time, with gaps for labels to settle between the periods.

    train | gap | validation | gap | test | gap | cut-off

All bounds are midnights (UTC); a period includes its start and excludes its end. A training row's
label is known before validation begins, a validation row's before the test begins: a model is only
trained on labels that were known when it would have had to decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.models.errors import NotEnoughData
from lakehouse.models.spec import ModelSpec

DAY = timedelta(days=1)


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

    def as_json(self) -> dict[str, str]:
        """The bounds as ISO texts."""
        return {name: value.isoformat() for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, str]) -> "Split":
        """The inverse of `as_json`."""
        return cls(**{name: datetime.fromisoformat(value) for name, value in values.items()})


def plan_split(spec: ModelSpec, cutoff: datetime, first: datetime) -> Split:
    """The newest split that labels known up to `cutoff` allow; `first` is the oldest row's time.

    Raises:
        NotEnoughData: when less than a day is left for training.
    """
    test_until = _midnight(cutoff + timedelta(microseconds=1) - spec.gap)
    test_from = test_until - spec.split.test
    # without a validation period, training ends one gap before the test instead of two
    validation_until = test_from - spec.gap if spec.split.validation else test_from
    validation_from = validation_until - spec.split.validation
    train_until = validation_from - spec.gap
    train_from = _midnight(first)
    if spec.split.train is not None:
        train_from = max(train_from, train_until - spec.split.train)
    if train_until - train_from < DAY:
        raise NotEnoughData(
            f"{spec.name}: history from {first:%Y-%m-%d} with labels known up to "
            f"{cutoff:%Y-%m-%d} leaves no day to train on before validation, test and their gaps "
            f"({cutoff - train_until} in all); wait for more data, or shorten `split`"
        )
    return Split(
        train_from, train_until, validation_from, validation_until, test_from, test_until, cutoff
    )


def _midnight(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0, microsecond=0)

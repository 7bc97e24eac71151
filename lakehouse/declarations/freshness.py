"""The maximum age of data and of model versions."""

from collections.abc import Iterator
from datetime import timedelta

from lakehouse.declarations.durations import Duration, format_duration
from lakehouse.declarations.part import FieldError, Part

MIN_AGE = timedelta(minutes=1)
"""The shortest interval at which Dagster checks freshness."""


class Freshness(Part):
    """The age above which the newest data, or a model's version, raises a warning or an error."""

    warn: Duration | None = None
    fail: Duration

    def errors(self) -> Iterator[ValueError]:
        """Report ages that Dagster would refuse only when it builds the graph."""
        ages = {"fail": self.fail} | ({"warn": self.warn} if self.warn else {})
        short = [name for name, age in ages.items() if age < MIN_AGE]
        for name in short:
            yield FieldError(f"{format_duration(ages[name])} is too short; write at least 1m", name)
        if not short and self.warn and self.warn >= self.fail:
            yield FieldError(
                f"{format_duration(self.warn)} is not shorter than `fail`, which is "
                f"{format_duration(self.fail)}; the warning must come first",
                "warn",
            )

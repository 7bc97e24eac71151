"""The resources of assets: the lake, the range to refresh, and the clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
from pydantic import Field, PrivateAttr

from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake
from lakehouse.orchestration.runs.one_run import turn
from lakehouse.settings import Settings, load_settings

FIRST_DAY, LAST_DAY = "1970-01-01", "2999-12-31"
NO_RETRY = {"dagster/max_retries": "0"}
"""The tag of a run that the daemon does not retry after it was killed."""


class LakeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The open lake, and the turn of the run that works on it."""

    _lake: Lake = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["LakeResource"]:
        """Wait for the run's turn; close the lake at the end of the run."""
        settings = load_settings()
        with turn(context, settings.data_dir), Lake(settings) as self._lake:
            yield self

    @property
    def lake(self) -> Lake:
        """The lake; it opens at its first use and stays open across steps."""
        return self._lake

    @property
    def settings(self) -> Settings:
        """The settings of the lake."""
        return self._lake.settings


class Refresh(dg.ConfigurableResource):  # type: ignore[type-arg]
    """How a run brings tables up to date. By default it processes only what is new."""

    full_refresh: bool = Field(default=False, description="Rebuild tables from scratch")
    since: str | None = Field(default=None, description="First day to redo (YYYY-MM-DD)")
    until: str | None = Field(default=None, description="Last day to redo (YYYY-MM-DD)")
    force: bool = Field(default=False, description="Update tables even if nothing has changed")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Refuse days that cannot be redone, before the first step."""
        try:
            self.check()
        except LakehouseError:
            if context.instance and context.run:
                context.instance.add_run_tags(context.run.run_id, NO_RETRY)
            raise

    def check(self) -> None:
        """Raise a LakehouseError for an invalid day or a range without days."""
        since, until = _midnight("since", self.since), _midnight("until", self.until)
        if since and until and since > until:
            raise LakehouseError(
                f"since {self.since} is after until {self.until}, so there is no day to redo; "
                "swap them"
            )

    @property
    def only_new(self) -> bool:
        """Whether tables without new input may be skipped."""
        return not (self.full_refresh or self.since or self.until or self.force)

    @property
    def days(self) -> dict[str, str]:
        """The first and the last day to redo, both inclusive; empty if no days were chosen."""
        if not (self.since or self.until):
            return {}
        return {"since": self.since or FIRST_DAY, "until": self.until or LAST_DAY}

    @property
    def since_time(self) -> datetime | None:
        """The start of the range to redo (UTC, naive)."""
        return _midnight("since", self.since)

    @property
    def until_time(self) -> datetime | None:
        """The end of the range to redo, exclusive (UTC, naive)."""
        end = _midnight("until", self.until)
        return end + timedelta(days=1) if end else None


def _midnight(name: str, day: str | None) -> datetime | None:
    if day is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(day), time())
    except ValueError as error:
        raise LakehouseError(f"{name} is {day!r}; it must be a date like 2026-05-31") from error


class Clock(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The current time, as a resource so that a test can set it."""

    at: str | None = Field(default=None, description="A fixed ISO time; the current time if unset")

    def now(self) -> datetime:
        """The time (UTC, aware)."""
        if self.at:
            return datetime.fromisoformat(self.at).astimezone(UTC)
        return datetime.now(UTC)

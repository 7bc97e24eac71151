"""What assets are given at run time: the lake, how far to go back, and the time of day."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

import dagster as dg
from pydantic import Field, PrivateAttr, model_validator

from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake
from lakehouse.settings import Settings, load_settings

FIRST_DAY, LAST_DAY = "1970-01-01", "2999-12-31"


class LakeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """An open lake for each thread in which steps run, since a lake is written by one thread."""

    _settings: Settings = PrivateAttr()
    _lakes: dict[int, Lake] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["LakeResource"]:
        """Let go of the lakes at the end of the run."""
        self._settings = load_settings().of_a_step()
        try:
            yield self
        finally:
            while self._lakes:
                self._lakes.popitem()[1].close()

    @property
    def lake(self) -> Lake:
        """The lake of this thread; it stays open from step to step."""
        return self._lakes.setdefault(threading.get_ident(), Lake(self._settings))

    @property
    def settings(self) -> Settings:
        """The settings of this run's steps."""
        return self._settings

    def stop(self) -> None:
        """Break off what the steps ask of the lake, and commit nothing more."""
        for lake in [*self._lakes.values()]:
            lake.stop()


class Refresh(dg.ConfigurableResource):  # type: ignore[type-arg]
    """How a run brings tables up to date. The default works only on what is new.

    Raises:
        LakehouseError: for what is not a day, and for days of which none would be redone.
    """

    full_refresh: bool = Field(default=False, description="Build tables again from the start")
    since: str | None = Field(default=None, description="Redo from this day on (YYYY-MM-DD)")
    until: str | None = Field(default=None, description="Redo up to and with this day")
    force: bool = Field(default=False, description="Work even where nothing has changed")

    @model_validator(mode="after")
    def _some_days(self) -> Self:
        since, until = _midnight("since", self.since), _midnight("until", self.until)
        if since and until and since > until:
            raise LakehouseError(
                f"since {self.since} is after until {self.until}, so there is no day to redo; "
                "exchange them"
            )
        return self

    @property
    def only_new(self) -> bool:
        """Whether tables that have nothing new may be left alone."""
        return not (self.full_refresh or self.since or self.until or self.force)

    @property
    def days(self) -> dict[str, str]:
        """The first and the last day to redo, both inclusive; empty if no days were chosen."""
        if not (self.since or self.until):
            return {}
        return {"since": self.since or FIRST_DAY, "until": self.until or LAST_DAY}

    @property
    def since_time(self) -> datetime | None:
        """The first moment to redo (UTC, naive)."""
        return _midnight("since", self.since)

    @property
    def until_time(self) -> datetime | None:
        """The moment after the last one to redo (UTC, naive)."""
        end = _midnight("until", self.until)
        return end + timedelta(days=1) if end else None


def _midnight(name: str, day: str | None) -> datetime | None:
    if day is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(day), time())
    except ValueError as error:
        raise LakehouseError(f"{name} is {day!r}; write a day like 2026-05-31") from error


class Clock(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The time of day, as a resource so that a test can set it."""

    at: str | None = Field(default=None, description="A fixed ISO time; the real one if unset")

    def now(self) -> datetime:
        """The time (UTC, aware)."""
        if self.at:
            return datetime.fromisoformat(self.at).astimezone(UTC)
        return datetime.now(UTC)

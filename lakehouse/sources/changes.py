"""Whether a source has data that the lake lacks. The check is cheap enough to run all the time."""

from datetime import UTC, datetime

from lakehouse.lake import Lake
from lakehouse.settings import Settings
from lakehouse.sources.extraction import last_seal
from lakehouse.sources.landing import Landing
from lakehouse.sources.loading import pending_files
from lakehouse.sources.spec import SourceSpec


def asks_a_server(spec: SourceSpec, settings: Settings) -> bool:
    """Whether `pending` asks another machine: a database, or remote storage of landed files."""
    remote = Landing(settings, spec.name).remote
    return remote or spec.connector.asks_a_server(settings)


def pending(spec: SourceSpec, lake: Lake, *, now: datetime | None = None) -> str:
    """A short text about pending data, the same until something changes; empty if there is nothing.

    It covers landed files that are not loaded yet, or else what the connector finds at `now`.

    Raises:
        SourceDown: when the source cannot be queried.
    """
    if files := pending_files(spec, lake, lake.settings):
        return f"{len(files)} new files up to {files[-1].name} ({files[-1].modified})"
    landing = Landing(lake.settings, spec.name)
    moment = now or datetime.now(UTC)
    return spec.connector.news(spec.contract, landing, last_seal(spec, landing), moment)

"""Whether a source has something that the lake has not: cheap enough to be asked all the time."""

from datetime import UTC, datetime

from lakehouse.lake import Lake
from lakehouse.sources.connectors.extracting import last_seal
from lakehouse.sources.landing import Landing
from lakehouse.sources.loading import pending_files
from lakehouse.sources.spec import ApiConnector, DatabaseConnector, SourceSpec


def pending(spec: SourceSpec, lake: Lake, *, now: datetime | None = None) -> str:
    """The news in a few words, the same words for the same news; empty when there is none.

    Files: those not loaded yet. Database: a seal after the last landed one, or late rows of the
    newest time. API: a day that ought to be out by `now`, once in each of the source's `poll`
    intervals; a `file://` one is looked at.

    Raises:
        SourceDown: when the database cannot be asked.
    """
    settings = lake.settings
    if files := pending_files(spec, lake, settings):
        return f"{len(files)} new files up to {files[-1].name} ({files[-1].modified})"
    landing = Landing(settings, spec.name)
    connector, landed = spec.connector, last_seal(spec, landing)
    if isinstance(connector, DatabaseConnector):
        from lakehouse.sources.connectors.database import news

        return news(spec, connector, settings, landing, landed)
    if isinstance(connector, ApiConnector):
        from lakehouse.sources.connectors.api import next_day

        moment = now or datetime.now(UTC)
        day = next_day(connector, settings, landed, moment)
        poll = (moment - datetime.min.replace(tzinfo=UTC)) // connector.poll
        return f"{day} may be out (look {poll})" if day else ""
    return ""

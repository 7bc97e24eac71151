"""Whether a source has something that the lake has not: cheap enough to be asked all the time."""

from datetime import UTC, datetime

from lakehouse.lake import Lake
from lakehouse.sources.extraction import last_seal
from lakehouse.sources.landing import Landing
from lakehouse.sources.loading import pending_files
from lakehouse.sources.spec import SourceSpec


def pending(spec: SourceSpec, lake: Lake, *, now: datetime | None = None) -> str:
    """The news in a few words, the same words for the same news; empty when there is none.

    Landed files that are not loaded yet, or else what the connector knows of at `now`.

    Raises:
        SourceDown: when the source cannot be asked.
    """
    if files := pending_files(spec, lake, lake.settings):
        return f"{len(files)} new files up to {files[-1].name} ({files[-1].modified})"
    landing = Landing(lake.settings, spec.name)
    moment = now or datetime.now(UTC)
    return spec.connector.news(spec.contract, landing, last_seal(spec, landing), moment)

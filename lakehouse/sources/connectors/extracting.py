"""The one door to all connectors: `extract` lands what is new, whatever the kind of source."""

from dataclasses import dataclass
from datetime import datetime

from filelock import FileLock, Timeout

from lakehouse.settings import Settings
from lakehouse.sources.errors import LandingError
from lakehouse.sources.landing import Landing
from lakehouse.sources.spec import ApiConnector, DatabaseConnector, SourceSpec


@dataclass(frozen=True)
class Extraction:
    """Files that were landed, their rows, and the seal (UTC, naive) of the landing zone now."""

    files: tuple[str, ...]
    rows: int
    seal: datetime | None


def extract(spec: SourceSpec, settings: Settings) -> Extraction:
    """Land what the source has that landing has not; nothing new lands nothing.

    Raises:
        SourceDown: when the source does not answer; complete files landed before stay.
        LandingError: when landing cannot be written, or another process is extracting.
    """
    landing = Landing(settings, spec.name)
    lock = settings.data_dir / "locks" / f"extract-{spec.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=settings.lock_timeout):
            landed = _land(spec, settings, landing)
    except Timeout as error:
        raise LandingError(
            f"{spec.name} is being extracted by another process (lock {lock}); let it finish"
        ) from error
    return Extraction(
        tuple(name for name, _ in landed), sum(rows for _, rows in landed), last_seal(spec, landing)
    )


def last_seal(spec: SourceSpec, landing: Landing) -> datetime | None:
    """The newest seal among the landed files."""
    seals = (spec.seal_pattern.read(file.name) for file in landing.files())
    return max((seal for seal in seals if seal), default=None)


def _land(spec: SourceSpec, settings: Settings, landing: Landing) -> list[tuple[str, int]]:
    connector = spec.connector
    if isinstance(connector, DatabaseConnector):
        from lakehouse.sources.connectors.database import land_changes

        return land_changes(spec, connector, settings, landing, last_seal(spec, landing))
    if isinstance(connector, ApiConnector):
        from lakehouse.sources.connectors.api import land_days

        return land_days(connector, settings, landing, last_seal(spec, landing))
    return []

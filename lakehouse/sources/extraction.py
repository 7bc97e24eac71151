"""Extracts a source of any kind into the landing zone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from filelock import FileLock, Timeout

from lakehouse.settings import Settings
from lakehouse.sources.errors import LandingError
from lakehouse.sources.landing import Landing
from lakehouse.sources.spec import SourceSpec


@dataclass(frozen=True)
class Extraction:
    """The landed files, their rows, and the current seal (UTC, naive) of the landing zone.

    `rows` is None when a connector copied files without reading them.
    """

    files: tuple[str, ...]
    rows: int | None
    seal: datetime | None


def extract(spec: SourceSpec, settings: Settings) -> Extraction:
    """Land what the source has and the landing zone lacks; without new data nothing is landed.

    Raises:
        SourceDown: when the source does not answer; complete files landed before stay.
        LandingError: when the landing zone cannot be written, or another process is extracting.
    """
    landing = Landing(settings, spec.name)
    with _extraction_lock(spec, settings):
        before = last_seal(spec, landing)
        landed = [*spec.connector.land(spec.contract, landing, before)]
    counts = [one.rows for one in landed if one.rows is not None]
    return Extraction(
        tuple(one.file for one in landed),
        sum(counts) if len(counts) == len(landed) else None,
        last_seal(spec, landing) if landed else before,
    )


def last_seal(spec: SourceSpec, landing: Landing) -> datetime | None:
    """The newest seal among the landed files."""
    seals = (spec.seal_of(file) for file in landing.files())
    return max((seal.time for seal in seals if seal), default=None)


@contextmanager
def _extraction_lock(spec: SourceSpec, settings: Settings) -> Iterator[None]:
    lock = settings.data_dir / "locks" / f"extract-{spec.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(lock).acquire(settings.lock_timeout)
    except Timeout as error:
        raise LandingError(
            f"another process is extracting {spec.name} (lock {lock}); wait until it has finished"
        ) from error
    with held:
        yield

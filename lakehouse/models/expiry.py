"""When a version expires, and whether it may decide after that: the declared `model_card`.

An expired version causes a warning. With `after_expiry: stop` it may not decide once `grace` has
also passed. The caller passes the current time, on the same clock as the registration time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.models.spec import ModelSpec
from lakehouse.registry import RegistryError, Version


class Expired(RegistryError):
    """The champion has expired, and the declaration does not allow it to continue."""


@dataclass(frozen=True)
class Expiry:
    """When a version expires, and when (`stops_at`) it may no longer decide; None means never.

    Both times are naive UTC.
    """

    version: str
    expires_at: datetime
    stops_at: datetime | None

    def warning(self, at: datetime) -> str:
        """The warning at that time (naive UTC); empty before the version expires."""
        if at < self.expires_at:
            return ""
        text = f"{self.version} expired on {self.expires_at:%Y-%m-%d}"
        if self.stops_at is None:
            return text
        if self.has_stopped(at):
            return f"{text} and may no longer decide since {self.stops_at:%Y-%m-%d}"
        return f"{text} and may decide only until {self.stops_at:%Y-%m-%d}"

    def has_stopped(self, at: datetime) -> bool:
        """Whether it may no longer decide at that time (naive UTC)."""
        return self.stops_at is not None and at >= self.stops_at


def find_expiry(spec: ModelSpec, version: Version) -> Expiry:
    """The expiry by the current declaration: a longer term also applies to existing versions."""
    card = spec.model_card
    expires_at = version.created_at + timedelta(days=card.expires_after_days)
    stops_at = expires_at + card.grace if card.after_expiry == "stop" else None
    return Expiry(version.version, expires_at, stops_at)


def require_valid(spec: ModelSpec, version: Version, at: datetime) -> None:
    """Raises `Expired` if `version` may no longer decide at that time (naive UTC)."""
    found = find_expiry(spec, version)
    if found.has_stopped(at):
        raise Expired(
            f"{spec.name}: {found.warning(at)}; train and promote a new version, or declare a "
            "longer `model_card.expires_after_days`"
        )

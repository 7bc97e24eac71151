"""Telling somebody outside: failed runs, and what monitoring did, as JSON to one address."""

from collections.abc import Callable, Mapping
from typing import Any

from lakehouse.redaction import redact_all
from lakehouse.settings import Settings


def post(settings: Settings, payload: Mapping[str, Any]) -> bool:
    """Post `payload`, without the secrets in it; False if no address is set.

    Raises:
        OSError: when it could not be delivered, or was refused.
    """
    if not settings.webhook_url:
        return False
    import requests

    requests.post(settings.webhook_url, json=redact_all(payload), timeout=10).raise_for_status()
    return True


def tell(settings: Settings, payload: Mapping[str, Any], log: Callable[[str], None]) -> None:
    """Post `payload`; who does not listen is named to `log`, and must not stop what was done."""
    try:
        post(settings, payload)
    except OSError as error:
        log(f"the webhook did not take the message: {error}")

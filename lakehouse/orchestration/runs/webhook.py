"""The webhook: post failed runs and monitoring actions as JSON to one address."""

from collections.abc import Callable, Mapping
from typing import Any

from lakehouse.redaction import redact_all
from lakehouse.settings import Settings


def post(settings: Settings, payload: Mapping[str, Any]) -> bool:
    """Post `payload` without secrets; return False if no address is set.

    Raises:
        OSError: when it could not be delivered, or was refused.
    """
    if not settings.webhook_url:
        return False
    import requests

    requests.post(settings.webhook_url, json=redact_all(payload), timeout=10).raise_for_status()
    return True


def post_or_log(settings: Settings, payload: Mapping[str, Any], log: Callable[[str], None]) -> None:
    """Post `payload`; log a delivery failure, which must not stop the caller."""
    try:
        post(settings, payload)
    except OSError as error:
        log(f"the webhook did not accept the message: {error}")

"""Telling somebody outside: failed runs, and what monitoring did, as JSON to one address."""

from collections.abc import Mapping
from typing import Any

from lakehouse.settings import Settings


def post(settings: Settings, payload: Mapping[str, Any]) -> str:
    """Post `payload` if an address is set; says why it could not be delivered, or nothing.

    Whoever does not listen must not stop what there is to tell of.
    """
    if not settings.webhook_url:
        return ""
    import requests

    try:
        requests.post(settings.webhook_url, json=payload, timeout=10).raise_for_status()
    except requests.RequestException as error:
        return f"the webhook did not take the message: {error}"
    return ""

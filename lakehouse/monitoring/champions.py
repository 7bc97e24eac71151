"""The current state of each declared model: its champion, its shadows, the last actions."""

from datetime import datetime
from typing import Any

from lakehouse.lake import Lake
from lakehouse.models.declared import valid_models
from lakehouse.models.expiry import find_expiry
from lakehouse.monitoring.react.actions import last_actions
from lakehouse.registry.promotion import champion_among, find_champion
from lakehouse.registry.requests import open_request
from lakehouse.registry.versions import find_versions, lake_time
from lakehouse.scoring import fallback


def tested_champions(lake: Lake) -> list[dict[str, Any]]:
    """Every declared model with its champion's version and metrics of the test period."""
    with lake.reader() as cursor:
        champions = {
            model: find_champion(cursor, model) for model in valid_models(lake.settings.project)
        }
    return [
        {
            "model": model,
            "version": champion.version if champion else None,
            "metrics": dict(champion.metrics.get("test", {})) if champion else {},
        }
        for model, champion in champions.items()
    ]


def champion_rows(lake: Lake, now: datetime | None = None) -> list[dict[str, Any]]:
    """Every declared model with its champion: version, creation time, metrics of the test period.

    Also whether it has expired by `now`, whether the fallback decides, its shadows, the open
    request for a retrain, and the last actions.
    """
    rows: list[dict[str, Any]] = []
    with lake.reader() as cursor:
        for spec in valid_models(lake.settings.project).values():
            versions = find_versions(cursor, spec.name)
            champion = champion_among(versions, spec.name)
            newest = versions[0].created_at if versions else None
            request = open_request(cursor, spec.name, newest)
            rows.append(
                {
                    "model": spec.name,
                    "version": champion.version if champion else None,
                    "created_at": champion.created_at if champion else None,
                    "metrics": dict(champion.metrics.get("test", {})) if champion else {},
                    "expired": find_expiry(spec, champion).warning(lake_time(now))
                    if champion
                    else "",
                    "fallback": spec.promotion.fallback
                    if fallback.is_active(cursor, spec)
                    else None,
                    "shadows": [one.version for one in versions if one.state == "shadow"],
                    "retrain_asked_for": vars(request) if request else None,
                    "last_actions": last_actions(cursor, spec.name),
                }
            )
    return rows

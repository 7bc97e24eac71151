"""What every asset shares: how fresh it has to be, and when it is refreshed by itself."""

from datetime import timedelta

import dagster as dg

LAYERS = {
    "landing": "Files as the sources gave them",
    "raw": "Every row once, checked against its contract",
    "staging": "Cleaned rows, one model a source",
    "core": "What features read",
    "reporting": "What people read",
    "features": "Point-in-time features",
    "training": "Pinned training sets",
    "models": "Model versions and the champion",
    "predictions": "Scores of new rows",
}
"""Layers of the lake, in the order of the data; the first part of an asset's key and its group."""

DEFAULT_FRESHNESS = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=36), fail_window=timedelta(hours=60)
)

REFRESHED_BY_ITSELF = (
    dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()
).with_label("when an input is new and no blocking check of it has failed")
"""`eager` alone goes on after an upstream blocking check failed in an earlier run."""


def freshness(warn: timedelta, fail: timedelta) -> dg.FreshnessPolicy:
    """Materialized at least every `fail`, with a warning after `warn`."""
    return dg.FreshnessPolicy.time_window(warn_window=warn, fail_window=fail)


def with_defaults(definitions: dg.Definitions) -> dg.Definitions:
    """Give each asset that declares no freshness policy of its own the default one."""

    def complete(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.freshness_policy is not None:
            return spec
        return spec.replace_attributes(freshness_policy=DEFAULT_FRESHNESS)

    return definitions.map_asset_specs(func=complete)

"""The policies of every asset: its freshness, and when it is refreshed automatically."""

from datetime import timedelta

import dagster as dg

from lakehouse.declarations.freshness import Freshness

DEFAULT_FRESHNESS = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=36), fail_window=timedelta(hours=60)
)

AUTO_REFRESH = (
    dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()
).with_label("when an input is new and no blocking check of it has failed")
"""`eager` alone continues after an upstream blocking check failed in an earlier run."""


def check_condition(asset: dg.AssetKey) -> dg.AutomationCondition[dg.AssetCheckKey]:
    """For a check that its step can omit: request the check whenever its asset is requested.

    Otherwise automation requests a part of such a step without it. A check may read other tables
    too, but their updates do not request it.
    """
    return (
        dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested())
        .allow(dg.AssetSelection.assets(asset))
        .with_label("when its asset is refreshed")
    )


def group_name(domain: str, layer: str) -> str:
    """The group that the UI shows: assets of one domain and layer stand together."""
    return f"{domain}_{layer}" if domain else layer


def freshness_of(allowed: Freshness | None) -> dg.FreshnessPolicy:
    """The policy of a declared age, or the default one."""
    if allowed is None:
        return DEFAULT_FRESHNESS
    return dg.FreshnessPolicy.time_window(warn_window=allowed.warn, fail_window=allowed.fail)

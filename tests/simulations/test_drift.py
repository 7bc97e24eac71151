"""Drift bounds keep their false-alarm rate where days differ, and still find drift.

Two weeks are the seven days in which a window fills, and the seven in which it is full.
"""

import numpy as np
import pytest

from lakehouse.models import ModelSpec
from tests.monitoring.matured_lake import BASE
from tests.monitoring.simulation import (
    BEGIN,
    START,
    Unrest,
    World,
    add_unrest,
    make_world,
    run_monitoring,
)

SPEC = ModelSpec(**BASE)
WINDOWS = 30
WORLDS = {
    "quiet": (30, Unrest()),
    "days of .3": (30, Unrest(day=0.3)),
    "days of .3, common": (30, Unrest(day=0.3, common=True)),
    "days and weekdays of .3": (30, Unrest(day=0.3, weekday=0.3)),
    "days of .3, gaps": (30, Unrest(day=0.3, gaps=0.7)),
    "a rise of .3": (30, Unrest(rise=0.3)),
    "days of .3, 3 features": (3, Unrest(day=0.3)),
    "days of .3, 60 features": (60, Unrest(day=0.3)),
}


def injected_drift(kind):
    """A column, the drift injected into it, and the check that must find it."""

    def moved(values, random):
        return values + 0.5 * np.nanstd(values)

    def lost(values, random):
        return np.where(random.random(len(values)) < 0.3, np.nan, values)

    def new(values, random):
        changed = values.copy()
        changed[random.random(len(values)) < 0.05] = "wallet"
        return changed

    return {
        "feature_drift": ("normal_0", moved),
        "missing_values": ("normal_0", lost),
        "unseen_categories": ("text_5", new),
    }[kind]


def alarm_share(world):
    """The share of days with any alarm."""
    found = run_monitoring(world, SPEC, WINDOWS)
    return len({one.day for one in found if not one.passed}) / WINDOWS


def days_to_detection(world, kind):
    """Days from the drift until it is found and named; infinity if not within four weeks."""
    column, change = injected_drift(kind)
    if column not in world.columns:
        return np.nan
    alone = World({column: world.columns[column]}, world.day)
    found = run_monitoring(alone, SPEC, 22, {column: change}, features=len(world.columns))
    days = [one.day for one in found if one.name == kind and not one.passed]
    return min((day - START).days for day in days) - BEGIN + 1 if days else np.inf


def simulate(name, seeds):
    features, unrest = WORLDS[name]
    alarm_shares, found = (
        [],
        {kind: [] for kind in ("feature_drift", "missing_values", "unseen_categories")},
    )
    for seed in seeds:
        world = make_world(seed, BEGIN + WINDOWS + 6, per_day=150, features=features)
        world = add_unrest(world, unrest, seed)
        alarm_shares.append(alarm_share(world))
        for kind, days in found.items():
            days.append(days_to_detection(world, kind))
    return np.array(alarm_shares), {kind: np.array(days) for kind, days in found.items()}


def test_days_that_differ_raise_no_alarm_and_a_shift_of_half_a_deviation_is_found():
    """Earlier bounds, from windows, raised alarms on one day in ten here."""
    alarm_shares, found = simulate("days of .3", range(2))
    assert alarm_shares.mean() <= 0.05
    assert (found["feature_drift"] <= 14).all()


@pytest.mark.slow
def test_alarms_come_on_one_day_in_a_hundred_and_drift_is_found_within_two_weeks():
    shares = []
    for name in WORLDS:
        alarm_shares, found = simulate(name, range(12))
        shares.append(alarm_shares.mean())
        print(f"{name}: {100 * alarm_shares.mean():.2f} % of days have an alarm")
        assert alarm_shares.mean() <= 0.03, name
        for kind, days in found.items():
            days = days[~np.isnan(days)]
            if len(days):
                week, two = 100 * np.mean(days <= 7), 100 * np.mean(days <= 14)
                print(f"  {kind}: found in 7 days in {week:.0f} %, in 14 in {two:.0f} %")
                assert two >= 75, (name, kind)
    assert np.mean(shares) <= 0.01

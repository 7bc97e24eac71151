"""How often drift is reported without drift, and found when there is some.

Moderate sizes: `tests/monitoring/simulation.py` makes larger ones.
"""

import numpy as np
import pytest

from lakehouse.models import ModelSpec
from tests.monitoring.simulation import BEGIN, make_world, run_monitoring


@pytest.fixture(scope="module")
def spec():
    return ModelSpec.model_validate(
        {
            "name": "detector",
            "description": "Watched",
            "task": "binary",
            "spine": {"table": "core.t", "key": "k"},
            "feature_sets": ["a"],
            "label": {"table": "core.l", "column": "y"},
            "split": {"gap": "14d"},
            "capacity": {"alerts": 5},
        }
    )


@pytest.fixture(scope="module")
def worlds():
    return [make_world(seed, BEGIN + 36, per_day=150, features=30) for seed in range(6)]


def test_without_change_there_is_less_than_one_alarm_in_thirty_windows(spec, worlds):
    findings = [found for world in worlds for found in run_monitoring(world, spec, windows=30)]
    assert len(findings) == 6 * 30 * 3  # drift, missing, unseen
    days = {(i, found.day) for i, found in enumerate(findings) if not found.passed}
    assert len(days) / len(worlds) < 1


def shift(deviations):
    return lambda values, random: values + deviations * np.nanstd(values)


def scale(factor):
    return lambda values, random: np.nanmean(values) + (values - np.nanmean(values)) * factor


def missing(share):
    return lambda values, random: np.where(random.random(len(values)) < share, np.nan, values)


def unseen(share):
    def change(values, random):
        changed = values.copy()
        changed[random.random(len(values)) < share] = "wallet"
        return changed

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change", "kind"),
    [
        pytest.param(
            "normal_0", shift(0.5), "feature_drift", id="a mean moves by half a deviation"
        ),
        pytest.param("heavy_1", shift(99), "feature_drift", id="euro become cents"),
        pytest.param("normal_0", scale(1.6), "feature_drift", id="a spread grows by 60 %"),
        pytest.param("normal_6", missing(0.3), "missing_values", id="three in ten go missing"),
        pytest.param("text_5", unseen(0.03), "unseen_categories", id="a category appears"),
    ],
)
def test_injected_drift_is_found_in_the_first_window_and_named(spec, worlds, name, change, kind):
    for world in worlds:
        found = {f.name: f for f in run_monitoring(world, spec, windows=1, changes={name: change})}
        assert not found[kind].passed
        assert name in found[kind].cause
        assert found[kind].value > found[kind].bound

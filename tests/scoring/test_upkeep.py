"""A champion continues to score after a feature set that it reads is redefined."""

from datetime import timedelta

import pytest

from lakehouse.evaluation.document import Comparison
from lakehouse.features import FeatureSetSpec, refresh
from lakehouse.lake import Author
from lakehouse.lake.layout import FEATURE_VERSIONS as DECLARED
from lakehouse.models import ModelSpec, load_evaluation
from lakehouse.models.readiness import check_readiness
from lakehouse.models.upkeep import refresh_old_features
from lakehouse.registry import champion
from lakehouse.scoring import score
from lakehouse.training import train
from tests.training.conftest import MATURITY, spec_values

DAY = timedelta(days=1)
SETS = ["context", "risk", "activity"]


def activity(window):
    return FeatureSetSpec.model_validate(
        {
            "name": "activity",
            "description": "How much a customer pays",
            "entity": "customer_id",
            "spines": [
                {
                    "name": "transactions",
                    "table": "core.fct_transactions",
                    "key": "transaction_id",
                }
            ],
            "streams": {"own": "core.fct_transactions"},
            "aggregates": {"n": {"of": "own", "op": "count", "window": window}},
            "features": {"payments": "n"},
        }
    )


@pytest.fixture
def spec(world, lake):
    """A champion that reads a declared set whose window has changed since."""
    refresh(activity("7d"), lake)
    spec = ModelSpec(**spec_values(feature_sets=SETS, gates=[]))
    train(spec, lake)
    score(spec, lake)
    refresh(activity("3d"), lake)
    return spec


def arrive(world, lake, first, last):
    world.days(first, last)
    refresh(activity("3d"), lake)


@pytest.mark.slow
def test_rows_wait_for_the_old_feature_version_and_are_scored_once_it_is_updated(spec, world, lake):
    first = champion(lake, "detector")
    arrive(world, lake, 60, 62)
    report = score(spec, lake)
    assert (report.rows, report.waiting, report.stale_sets) == (0, 120, ())
    assert check_readiness(spec, lake, first).problem == ""
    assert refresh_old_features(lake, [first]) == {}
    report = score(spec, lake)
    assert (report.version, report.rows, report.waiting) == (first.version, 120, 0)
    snapshot = lake.snapshot()
    assert refresh_old_features(lake, [first]) == {}
    assert lake.snapshot() == snapshot


def test_features_that_cannot_be_updated_are_reported_and_the_version_is_not_ready(
    spec, world, lake
):
    first = champion(lake, "detector")
    with lake.writer(Author("test")) as writer:
        writer.execute(f"DELETE FROM {DECLARED} WHERE declaration LIKE '%7d%'")
    arrive(world, lake, 60, 61)
    report = score(spec, lake)
    assert (report.waiting, report.stale_sets) == (60, ("activity",))
    ((table, cause),) = refresh_old_features(lake, [first]).items()
    assert cause == f"the declaration of {table} was not stored"
    assert "its features are no longer updated" in check_readiness(spec, lake, first).problem


@pytest.mark.slow
def test_training_compares_on_test_rows_that_landed_after_the_definition_changed(spec, world, lake):
    """Fifteen more days: all test rows of the new version are newer than the old table."""
    first = champion(lake, "detector")
    arrive(world, lake, 60, 60 + 8 + MATURITY.days)
    report = train(spec, lake)
    assert report.version.version != first.version
    assert report.version.split["test_from"] >= first.split["test_until"]
    compared = load_evaluation(lake.settings.models_dir, report.version).comparisons
    found: Comparison = next(c for c in compared if c.version == first.version)
    assert found.rows == report.version.metrics["test"]["rows"] == 420
    assert found.theirs is not None

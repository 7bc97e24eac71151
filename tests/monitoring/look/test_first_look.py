"""Monitoring when few or no rows have been scored, and models of other tasks."""

import pytest

from lakehouse.lake import layout
from lakehouse.monitoring import watch
from lakehouse.monitoring.pictures import draw_pictures
from lakehouse.registry import NoChampion
from lakehouse.scoring import score
from lakehouse.training import train


def named(lake, table, column, model):
    if not lake.exists(table):
        return set()
    with lake.reader() as cursor:
        query = f"SELECT DISTINCT {column} FROM {table} WHERE model = ?"
        return {name for (name,) in cursor.execute(query, [model]).fetchall()}


@pytest.mark.slow
def test_forecasts_and_classes_are_monitored_as_well(lake, world, forecast, scenario):
    for spec, outputs, estimated in (
        (forecast(), {"prediction"}, set()),
        (scenario(), {"label", "probability"}, {"accuracy"}),
    ):
        train(spec, lake)
        score(spec, lake)
        assert watch(spec, lake).rows > 0
        assert named(lake, layout.SCORE_DRIFT, "name", spec.name) == outputs
        assert named(lake, layout.ESTIMATED, "metric", spec.name) == estimated
        drawn = draw_pictures(spec, lake)
        assert {"feature_drift", "volume", *(f"{name}_drift" for name in outputs)} <= set(drawn)
        assert ("performance" in drawn) == bool(estimated)


def test_without_a_champion_nothing_is_monitored(lake, world, detector):
    with pytest.raises(NoChampion):
        watch(detector(), lake)


@pytest.mark.slow
def test_before_anything_is_scored_nothing_is_reported(lake, world, detector):
    train(detector(), lake)
    snapshot = lake.snapshot()
    report = watch(detector(), lake)
    assert (report.days, report.findings) == ((), ())
    assert lake.snapshot() == snapshot
    assert draw_pictures(detector(), lake) == {}

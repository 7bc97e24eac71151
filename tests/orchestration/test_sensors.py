"""When the sensor requests a source again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from lakehouse.declarations.place import Place
from lakehouse.lake import Lake
from lakehouse.orchestration import sensors
from lakehouse.orchestration.components import Source
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.sensors import RETRY_AFTER_SECONDS, _is_due, build_source_sensor
from lakehouse.settings import Settings
from lakehouse.sources.spec import SourceSpec
from tests.sources.conftest import make_spec

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "requested"),
    [(0, False), (RETRY_AFTER_SECONDS - 1, False), (RETRY_AFTER_SECONDS, True), (-3600, True)],
    ids=["just now", "a moment ago", "long ago", "by a clock that was ahead"],
)
def test_an_unchanged_source_is_requested_again_only_after_a_while(
    seconds: int, requested: bool
) -> None:
    last = {"news": "1 new file", "at": (NOON - timedelta(seconds=seconds)).isoformat()}
    assert _is_due(last, "1 new file", NOON) is requested
    assert _is_due(last, "2 new files", NOON)


def test_a_source_that_cannot_be_reached_stops_no_other(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [make_spec(name=name) for name in ("broken", "sound")]

    def pending(spec: SourceSpec, lake: Lake) -> str:
        if spec.name == "broken":
            raise OSError("no route to host")
        return "1 new file"

    monkeypatch.setattr(sensors, "pending", pending)
    resources = {"lake": LakeResource(), "clock": Clock()}
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, resources=resources) as context,
    ):
        result = build_source_sensor(specs)(context)
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or ()
    assert request.tags["lakehouse/sources"] == "sound"


def test_a_server_is_asked_twice_a_minute_and_a_folder_at_every_tick(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [make_spec(name=name) for name in ("served", "folder")]
    moments: dict[str, list[int]] = {spec.name: [] for spec in specs}
    monkeypatch.setattr(sensors, "asks_a_server", lambda spec, _: spec.name == "served")
    cursor = None
    for second in range(0, 65, 5):

        def pending(spec: SourceSpec, lake: Lake, second: int = second) -> str:
            moments[spec.name].append(second)
            return ""

        monkeypatch.setattr(sensors, "pending", pending)
        monkeypatch.setattr(Clock, "now", lambda _, s=second: NOON + timedelta(seconds=s))
        resources = {"lake": LakeResource(), "clock": Clock()}
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(
                instance=instance, resources=resources, cursor=cursor
            ) as context,
        ):
            build_source_sensor(specs)(context)
            cursor = context.cursor
    assert moments == {"served": [0, 30, 60], "folder": [*range(0, 65, 5)]}


def test_the_sensor_can_request_the_sources_of_every_domain() -> None:
    spec = make_spec().with_place(Place(Path("defs/shop/sources/payments/defs.yaml")))
    graph = dg.Definitions(
        assets=Source(spec).definitions().assets,
        resources={"lake": LakeResource(), "clock": Clock(), "refresh": Refresh()},
    ).resolve_asset_graph()
    selection = build_source_sensor([spec]).job.selection  # type: ignore[union-attr]
    assert selection.resolve(graph) == {
        dg.AssetKey(["landing", "payments"]),
        dg.AssetKey(["raw", "payments"]),
    }

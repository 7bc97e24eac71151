"""A step retries after a transient failure, and after nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import pytest

from lakehouse.lake import Lake, LakeBusy
from lakehouse.orchestration import build
from lakehouse.orchestration.components import Source
from lakehouse.orchestration.components import source as source_module
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.runs import retries
from lakehouse.settings import Settings, load_settings
from lakehouse.sources import SourceSpec
from lakehouse.sources.errors import ContractError, SourceDown, SourceUnavailable
from tests.sources.conftest import file_name, json_lines, make_spec, payment, seal_of


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)


@pytest.fixture
def spec(home: Settings) -> SourceSpec:
    """A source with one landed file of three rows."""
    spec = make_spec()
    folder = Path(home.landing) / spec.name
    folder.mkdir(parents=True)
    rows = (payment(number, seal_of(0)) for number in range(3))
    (folder / file_name(seal_of(0))).write_bytes(json_lines(*rows))
    return spec


def run(spec: SourceSpec) -> dg.ExecuteInProcessResult:
    assets = Source(spec).definitions().assets
    clock = Clock(at="2026-05-03T00:00:00+00:00")
    resources = {"lake": LakeResource(), "clock": clock, "refresh": Refresh()}
    return dg.materialize(list(assets or ()), resources=resources, raise_on_error=False)  # type: ignore[arg-type]


def failing(times: int, error: Exception, then: Callable[..., Any]) -> tuple[Any, list[int]]:
    """`then`, failing the first `times` calls; and the calls."""
    calls: list[int] = []

    def call(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return then(*args, **more)

    return call, calls


@pytest.mark.parametrize(
    ("step", "error"), [("extract", SourceUnavailable("503")), ("load", LakeBusy("held by dbt"))]
)
def test_a_transient_failure_is_retried_until_it_has_passed(
    home: Settings, spec: SourceSpec, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    call, calls = failing(2, error, getattr(source_module, step))
    monkeypatch.setattr(source_module, step, call)
    result = run(spec)
    assert result.success
    assert len(calls) == 3
    retried = [e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]
    assert len(retried) == 2
    with Lake(home) as lake:
        assert lake.rows(spec.table) == 3


def test_a_step_fails_with_its_cause_after_the_last_retry(
    spec: SourceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, calls = failing(99, LakeBusy("held by dbt"), source_module.load)
    monkeypatch.setattr(source_module, "load", call)
    result = run(spec)
    assert not result.success
    assert len(calls) == 1 + retries.MAX_RETRIES
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "held by dbt" in failure.step_failure_data.error_display_string


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("extract", SourceDown("there is no database")),
        ("load", ContractError("raw has another type")),
        ("load", OSError(28, "No space left on device")),
        ("load", ZeroDivisionError()),
    ],
)
def test_a_permanent_failure_fails_at_once(
    spec: SourceSpec, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    call, calls = failing(99, error, getattr(source_module, step))
    monkeypatch.setattr(source_module, step, call)
    assert not run(spec).success
    assert len(calls) == 1


def test_each_wait_is_twice_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []
    for number in range(3):
        context = type("Context", (), {"retry_number": number})
        with pytest.raises(dg.RetryRequested) as raised, retries.retry_transient(context):  # type: ignore[arg-type]
            raise LakeBusy("held")
        waits.append(raised.value.seconds_to_wait)
    assert waits == [0.01, 0.02, 0.04]


class BusyTwice(LakeResource):
    """A lake that is busy twice, and then fails permanently."""

    attempts: ClassVar[list[str]] = []

    @property
    def lake(self) -> Lake:
        self.attempts.append("attempt")
        if len(self.attempts) <= 2:
            raise LakeBusy("held by another")
        raise ZeroDivisionError("reached the third attempt")

    @property
    def settings(self) -> Settings:
        raise self.lake  # type: ignore[misc]


@pytest.mark.slow
def test_every_step_of_the_graph_retries(
    home: Settings, new_data_dir: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(new_data_dir()))
    monkeypatch.setattr(build, "LakeResource", BusyTwice)
    definitions = build.build_definitions(load_settings())
    steps = {asset.op.name: asset for asset in definitions.resolve_asset_graph().assets_defs}
    steps = {name: asset for name, asset in steps.items() if asset.is_executable}
    del steps["project_declarations"]  # it reads no lake
    assert len(steps) >= 15
    for name, asset in steps.items():
        BusyTwice.attempts.clear()
        result = dg.materialize([asset], raise_on_error=False)
        events = [event.event_type_value for event in result.all_events]
        assert events.count("STEP_UP_FOR_RETRY") == 2, name
        (failure,) = [event for event in result.all_events if event.is_step_failure]
        error = failure.step_failure_data.error_display_string
        assert "reached the third attempt" in error, (name, error)

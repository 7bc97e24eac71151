"""What failed is named with its cause and remedy, also where it was only kept from going on."""

from datetime import UTC, datetime
from io import StringIO

import dagster as dg
import pytest

from lakehouse.commands.output import Output
from lakehouse.commands.status import champion_rows, print_news, print_troubles
from lakehouse.errors import LakehouseError
from lakehouse.lake import Author, Lake
from lakehouse.monitoring import tables
from lakehouse.orchestration.instance import open_instance
from lakehouse.orchestration.status import Status, read_status
from lakehouse.registry.requests import Request, ask_in
from lakehouse.settings import Settings

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BROKEN = {"now": True}


@dg.asset(key=["raw", "first"])
def first() -> None:
    if BROKEN["now"]:
        raise LakehouseError("file x.csv is empty; ask the source for it again")


@dg.asset(key=["core", "second"], deps=[first])
def second() -> None:
    pass


@dg.asset(
    key=["monitoring", "m"], check_specs=[dg.AssetCheckSpec("volume", asset=["monitoring", "m"])]
)
def watched() -> dg.MaterializeResult:  # type: ignore[type-arg]
    result = dg.AssetCheckResult(
        check_name="volume",
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description="no rows came",
        metadata={"remedy": "look at the source"},
    )
    return dg.MaterializeResult(check_results=[result])


@dg.op
def tidy() -> None:
    raise LakehouseError("the disk is full; free some space")


@dg.job
def maintenance() -> None:
    tidy()


@pytest.fixture
def definitions() -> dg.Definitions:
    refresh = dg.define_asset_job("refresh", selection="*")
    return dg.Definitions(assets=[first, second, watched], jobs=[refresh, maintenance])


def status(definitions: dg.Definitions, settings: Settings, job: str = "refresh") -> Status:
    """After one more run."""
    with open_instance(settings) as instance:
        definitions.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)
    return read_status(definitions, settings, None, NOW)


def printed(found: Status) -> str:
    text = StringIO()
    print_troubles(Output(text), found)
    return text.getvalue()


def test_each_failed_asset_is_named_with_cause_and_remedy_and_those_behind_with_its_step(
    home: Settings, definitions: dg.Definitions
) -> None:
    BROKEN["now"] = True
    found = status(definitions, home)
    sentence = "file x.csv is empty; ask the source for it again"
    told = {one.asset: (one.error, one.failed_before) for one in found.assets}
    assert told == {
        "raw/first": (sentence, None),
        "core/second": (None, "raw__first"),
        "monitoring/m": (None, None),
    }
    (step,) = found.failed_steps
    assert (step.job, step.step, step.error) == ("refresh", "raw__first", sentence)
    assert printed(found).splitlines() == [
        "monitoring/m check volume warned: no rows came; look at the source",
        f"raw/first failed: {sentence}",
        "core/second kept its last state: raw__first failed before it",
    ]
    BROKEN["now"] = False
    mended = status(definitions, home)
    assert not mended.failed_steps
    assert not [one for one in mended.assets if one.error or one.failed_before]


def test_a_step_that_makes_no_asset_is_named_as_well(
    home: Settings, definitions: dg.Definitions
) -> None:
    found = status(definitions, home, "maintenance")
    assert printed(found) == "tidy of maintenance failed: the disk is full; free some space\n"


def test_models_tell_what_was_asked_for_and_what_was_done_last(lake: Lake) -> None:
    asked = datetime(2026, 5, 30)
    action = {
        "model": "fraud_detector",
        "version": "v0002",
        "taken_at": asked,
        "action": "roll back",
        "why": "7 rows have no score [NaN]",
        "done": True,
        "outcome": "v0001 decides again",
        "run_id": "",
    }
    with lake.writer(Author("test")) as writer:
        ask_in(writer, Request("fraud_detector", asked, "it decays", {}), NOW - NOW)
        tables.insert(writer, tables.ACTIONS, [action])
    models = champion_rows(lake)
    text = StringIO()
    print_news(Output(text), models)
    assert text.getvalue().splitlines() == [
        "fraud_detector: a retrain was asked for on 2026-05-30: it decays",
        "fraud_detector: 2026-05-30 00:00 roll back v0002: 7 rows have no score [NaN]; "
        "v0001 decides again",
    ]

"""The status names each failure with its cause and remedy, also for steps that were skipped."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import dagster as dg
import pytest

from lakehouse.cli.champions import print_model_lines
from lakehouse.cli.output import Output, Toned
from lakehouse.cli.status import _age, _ago, print_failures
from lakehouse.errors import LakehouseError
from lakehouse.lake import Author, Lake, Progress, layout, write_progress
from lakehouse.monitoring import tables
from lakehouse.monitoring.champions import champion_rows
from lakehouse.orchestration.runs.instance import open_instance
from lakehouse.orchestration.runs.status import Status, read_status
from lakehouse.registry.requests import Request, record_request
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


@dg.asset(key=["raw", "other"], check_specs=[dg.AssetCheckSpec("sound", asset=["raw", "other"])])
def other() -> dg.MaterializeResult:  # type: ignore[type-arg]
    if BROKEN["now"]:
        raise LakehouseError("the other is down; wait")
    return dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(check_name="sound", passed=False, description="no")]
    )


@dg.asset(key=["core", "downstream_of_other"], deps=[other])
def downstream_of_other() -> None:
    pass


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
    """The status after one more run."""
    with open_instance(settings) as instance:
        definitions.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)
    return read_status(definitions, settings, None, NOW)


def printed(found: Status) -> str:
    text = StringIO()
    print_failures(Output(text), found)
    return text.getvalue()


@pytest.mark.slow
def test_a_failed_asset_has_cause_and_remedy_and_those_downstream_name_its_step(
    home: Settings, definitions: dg.Definitions
) -> None:
    BROKEN["now"] = True
    found = status(definitions, home)
    sentence = "file x.csv is empty; ask the source for it again"
    failures = {one.asset: (one.error, one.failed_before) for one in found.assets}
    assert failures == {
        "raw/first": (sentence, None),
        "core/second": (None, "raw__first"),
        "monitoring/m": (None, None),
    }
    (step,) = found.failed_steps
    assert (step.job, step.step, step.error) == ("refresh", "raw__first", sentence)
    assert printed(found).splitlines() == [
        "monitoring/m check volume warned: no rows came; look at the source",
        f"raw/first failed: {sentence}",
        "core/second was not updated: raw__first failed upstream of it",
    ]
    BROKEN["now"] = False
    fixed = status(definitions, home)
    assert not fixed.failed_steps
    assert not [one for one in fixed.assets if one.error or one.failed_before]


def test_a_failed_step_without_assets_is_reported_as_well(
    home: Settings, definitions: dg.Definitions
) -> None:
    found = status(definitions, home, "maintenance")
    assert printed(found) == "tidy of maintenance failed: the disk is full; free some space\n"


def test_models_show_the_requested_retrain_and_the_last_action(lake: Lake) -> None:
    requested = datetime(2026, 5, 30)
    action = {
        "model": "fraud_detector",
        "version": "v0002",
        "taken_at": requested,
        "action": "roll back",
        "why": "7 rows have no score [NaN]",
        "done": True,
        "outcome": "v0001 decides again",
        "run_id": "",
    }
    with lake.writer(Author("test")) as writer:
        record_request(writer, Request("fraud_detector", requested, "it decays", {}), NOW - NOW)
        tables.insert(writer, layout.ACTIONS, [action])
    models = champion_rows(lake)
    text = StringIO()
    print_model_lines(Output(text), models)
    assert text.getvalue().splitlines() == [
        "fraud_detector: a retrain was requested on 2026-05-30: it decays",
        "fraud_detector: 2026-05-30 00:00 roll back v0002: 7 rows have no score [NaN]; "
        "v0001 decides again",
    ]


def test_each_asset_names_only_the_failed_step_upstream_of_it(home: Settings) -> None:
    BROKEN["now"] = True
    job = dg.define_asset_job("refresh", selection="*")
    graph = dg.Definitions(assets=[first, second, other, downstream_of_other], jobs=[job])
    found = {one.asset: one.failed_before for one in status(graph, home).assets}
    assert (found["core/second"], found["core/downstream_of_other"]) == ("raw__first", "raw__other")


@pytest.mark.slow
def test_a_failed_check_is_still_shown_after_its_step_failed(
    home: Settings,
) -> None:
    job = dg.define_asset_job("refresh", selection="*")
    graph = dg.Definitions(assets=[other], jobs=[job])
    BROKEN["now"] = False
    (before,) = status(graph, home).assets
    BROKEN["now"] = True
    (after,) = status(graph, home).assets
    for one in (before, after):
        assert [(check.check, check.cause) for check in one.checks_failed] == [("sound", "no")]
        assert (one.checks_passed, one.checks_warned) == (0, [])
    assert after.error == "the other is down; wait"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("age", "shown", "fresh"),
    [
        (timedelta(hours=1), "60 min", True),
        (timedelta(hours=30), "30 h (late)", False),
        (timedelta(days=4), "4 d (late)", False),
        (timedelta(0), "0 min", True),
        (timedelta(minutes=-5), "5 min ahead", False),
        (timedelta(days=-3), "3 d ahead", False),
    ],
)
def test_data_from_the_future_have_no_negative_age_and_are_not_fresh(
    home: Settings, lake: Lake, age: timedelta, shown: str, fresh: bool
) -> None:
    policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=24))

    @dg.asset(key=["core", "aged"], freshness_policy=policy)
    def aged() -> None: ...

    with lake.writer(Author("test")) as writer:
        write_progress(writer, "core.aged", Progress(1, (NOW - age).replace(tzinfo=None)))
    (found,) = read_status(dg.Definitions(assets=[aged]), home, lake, NOW).assets
    assert found.fresh is fresh
    assert found.data_age_hours == pytest.approx(age / timedelta(hours=1))
    cell = _age(found.data_age_hours, found.fresh)
    assert (cell.text if isinstance(cell, Toned) else cell) == shown


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (NOW - timedelta(minutes=5), "5 min ago"),
        (NOW - timedelta(days=3), "3 d ago"),
        (NOW + timedelta(minutes=5), "5 min ahead"),
        (None, "never"),
    ],
)
def test_a_clock_that_was_set_back_gives_no_negative_age(
    moment: datetime | None, shown: str
) -> None:
    cell = _ago(moment, NOW)
    assert (cell.text if isinstance(cell, Toned) else cell) == shown

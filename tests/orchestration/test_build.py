from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dagster import AssetCheckResult

from lakehouse.declarations.document import SpecError
from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake
from lakehouse.orchestration.build import build_from_specs, read_specs
from lakehouse.orchestration.components.source_checks import check_age, check_load
from lakehouse.orchestration.references import find_unfit_features
from lakehouse.orchestration.resources import Clock, Refresh
from lakehouse.settings import load_settings
from lakehouse.sources import LoadReport
from lakehouse.sources.manifest import Counts
from lakehouse.sources.undecided import Undecided
from tests.project import PROJECT
from tests.sources.conftest import make_spec

CLOCK = Clock(at="2026-05-26T12:00:00+00:00")


@pytest.mark.slow
def test_an_input_that_no_asset_produces_is_an_error_that_suggests_a_name(
    new_data_dir: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({}, data_dir=new_data_dir())
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(settings.data_dir))
    specs = read_specs(PROJECT, "payments")
    wrong = specs.feature_sets[0].model_copy(update={"streams": {"s": "core.fct_transaction"}})
    with pytest.raises(SpecError, match=rf"{wrong.name} reads core/fct_transaction, .*mean"):
        build_from_specs(settings, replace(specs, feature_sets=[wrong]))


def test_a_feature_that_two_sets_of_a_model_have_is_named_before_anything_runs() -> None:
    specs = read_specs(PROJECT, "payments")
    model = next(one for one in specs.models if "terminal_risk" in one.feature_sets)
    risk = next(one for one in specs.feature_sets if one.name == "terminal_risk")
    twin = risk.model_copy(update={"name": "twin"})
    sets = [*specs.feature_sets, twin]
    both = model.model_copy(update={"feature_sets": (*model.feature_sets, "twin")})
    file = PROJECT.root / "pyproject.toml"
    assert not [*find_unfit_features(sets, [model], file)]
    (problem,) = find_unfit_features(sets, [both], file)
    assert "is in the sets terminal_risk and twin; rename it in one of them" in problem.message
    name = problem.message.partition("feature ")[2].split()[0]
    every = [n for feature in risk.features for n, _ in risk.outputs(feature)]
    assert name in every
    chosen = both.model_copy(update={"exclude": tuple(every)})
    assert not [*find_unfit_features(sets, [chosen], file)]


def check(*undecided: Undecided) -> dict[str | None, AssetCheckResult]:
    counts = Counts(datetime(2026, 1, 1), 1, 0, 0, 1000, 51)
    results = check_load(make_spec(), counts, undecided, LoadReport("x"))
    return {result.check_name: result for result in results}


def test_a_flood_of_bad_rows_blocks_and_single_bad_rows_only_warn() -> None:
    tiny, drop, edge, flood = (
        check(Undecided("x", "f", "rows", 1, bad, of, {"why": bad}))
        for bad, of in ((1, 2), (40, 1_040), (50, 1_000), (51, 1_000))
    )
    assert all(one["contract"].passed for one in (tiny, drop, edge))
    assert not any(one["quarantine"].passed for one in (tiny, drop, edge))
    assert not flood["contract"].passed
    assert flood["contract"].severity.value == "ERROR"


def test_refused_files_and_bad_rows_are_reported_with_their_reasons() -> None:
    result = check(
        Undecided("x", "f", "rows", 1, 1, 11, {"amount: no number": 1}),
        Undecided("x", "g", "file", None, 0, 0, {"cut": 0}, refusals=1),
    )["quarantine"]
    assert not result.passed
    assert "g was refused: cut; 1 of 11 rows (9.09%) of f: amount: no number (1 rows)." in (
        result.description or ""
    )


@pytest.mark.parametrize(("hours", "passed"), [(47, True), (49, False)])
def test_data_older_than_allowed_are_late_even_after_a_recent_run(hours: int, passed: bool) -> None:
    now = CLOCK.now()
    seal = (now - timedelta(hours=hours)).replace(tzinfo=None)
    assert check_age(make_spec(), seal, now).passed is passed


def test_a_source_that_was_never_loaded_is_late() -> None:
    assert not check_age(make_spec(), None, CLOCK.now()).passed


@pytest.mark.parametrize(
    ("chosen", "days"),
    [
        ({}, {}),
        ({"since": "2026-05-01"}, {"since": "2026-05-01", "until": "2999-12-31"}),
        ({"until": "2026-05-03"}, {"since": "1970-01-01", "until": "2026-05-03"}),
    ],
)
def test_a_range_to_redo_is_open_ended_where_no_day_was_chosen(
    chosen: dict[str, str], days: dict[str, str]
) -> None:
    assert Refresh(**chosen).days == days


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"since": "2026-05-03", "until": "2026-05-01"}, "2026-05-03 is after until 2026-05-01"),
        ({"since": "yesterday"}, "since is 'yesterday'; it must be a date like"),
        ({"until": "2026-02-30"}, "until is '2026-02-30'; it must be a date like"),
    ],
)
def test_invalid_days_and_empty_ranges_are_refused_before_the_run(
    chosen: dict[str, str], message: str
) -> None:
    with pytest.raises(LakehouseError, match=message):
        Refresh(**chosen).check()


def test_one_day_may_be_both_the_first_and_the_last() -> None:
    assert Refresh(since="2026-05-01", until="2026-05-01").until_time == datetime(2026, 5, 2)


def test_the_project_has_components_of_every_kind(lake: Lake) -> None:
    specs = read_specs(PROJECT, "payments")
    assert specs.sources
    assert specs.feature_sets
    assert specs.models

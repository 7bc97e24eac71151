"""`--full-refresh` rebuilds raw where it is selected, or where its contract changed."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from lakehouse.lake import Lake
from lakehouse.orchestration.components import Source
from lakehouse.orchestration.components import source as source_module
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.dbt.state import input_state
from lakehouse.orchestration.dbt.steps import Step
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.runs.in_process import RunSummary, run_assets
from lakehouse.settings import Settings
from lakehouse.sources import SourceSpec
from tests.sources.conftest import PAYMENTS, file_name, json_lines, make_spec, payment, seal_of

WIDER = make_spec([*PAYMENTS[:2], {**PAYMENTS[2], "type": "DECIMAL(18, 3)"}, PAYMENTS[3]])


def run(
    home: Settings, spec: SourceSpec, *, full_refresh: bool = False, select: Sequence[str] = ()
) -> RunSummary:
    definitions = dg.Definitions(
        assets=list(Source(spec).definitions().assets or ()),
        jobs=[dg.define_asset_job("refresh")],
        resources={
            "lake": LakeResource(),
            "clock": Clock(at="2026-05-03T00:00:00+00:00"),
            "refresh": Refresh(),
        },
    )
    return run_assets(definitions, home, select=select, refresh=Refresh(full_refresh=full_refresh))


@pytest.fixture
def rebuilds(home: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A source with a loaded file; yields the tables that are rebuilt from now on."""
    path = Path(home.landing) / "payments" / file_name(seal_of(0))
    path.parent.mkdir(parents=True)
    path.write_bytes(json_lines(payment(1, seal_of(0)), payment(2, seal_of(0), "0.125")))
    assert not run(home, make_spec()).failed
    built: list[str] = []
    rebuild = source_module.rebuild

    def recording(spec: SourceSpec, *arguments: object, **more: object) -> object:
        built.append(spec.table)
        return rebuild(spec, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(source_module, "rebuild", recording)
    return built


@pytest.mark.slow
def test_a_changed_contract_stops_the_source_until_a_full_refresh(
    home: Settings, rebuilds: list[str]
) -> None:
    [problem] = run(home, WIDER).problems
    assert "--full-refresh --select raw/payments+" in (problem.error or "")
    assert rebuilds == []
    assert not run(home, WIDER, full_refresh=True).failed
    assert rebuilds == ["raw.payments"]
    with Lake(home) as lake, lake.reader() as cursor:
        amounts = cursor.execute("SELECT amount FROM raw.payments ORDER BY id").fetchall()
    assert [str(amount) for (amount,) in amounts] == ["1.000", "0.125"]
    assert not run(home, WIDER).failed


@pytest.mark.parametrize(
    ("full_refresh", "select", "built"),
    [
        (True, [], []),
        (True, ["raw/payments"], ["raw.payments"]),
        (True, ["raw/payments+"], ["raw.payments"]),
        (False, ["raw/payments"], []),
    ],
)
def test_a_table_with_an_unchanged_contract_is_rebuilt_only_if_selected(
    home: Settings, rebuilds: list[str], full_refresh: bool, select: list[str], built: list[str]
) -> None:
    assert not run(home, make_spec(), full_refresh=full_refresh, select=select).failed
    assert rebuilds == built


@pytest.mark.slow
def test_dbt_detects_a_rebuilt_raw_table_as_changed_input(
    home: Settings, rebuilds: list[str]
) -> None:
    class Project(DbtProjectFiles):
        fingerprint = "the same project"
        manifest = {  # noqa: RUF012
            "sources": {"source": {"schema": "raw", "identifier": make_spec().name}},
            "nodes": {"model": {"depends_on": {"nodes": ["source"]}}},
        }

    def state() -> str:
        with Lake(home) as lake, lake.reader() as cursor:
            return input_state(Step("shop", "core", ("model",)), Project(home), cursor)

    before = state()
    assert not run(home, make_spec()).failed
    assert state() == before
    assert not run(home, WIDER, full_refresh=True).failed
    assert state() != before

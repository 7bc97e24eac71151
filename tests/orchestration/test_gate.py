"""The contract's gate judges the undecided rows in the lake, not the rows of the last run."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from lakehouse.orchestration.components import Source
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.settings import Settings
from lakehouse.sources import SourceSpec
from tests.sources.conftest import file_name, json_lines, make_spec, payment, seal_of

KILLED = """
import os, signal, sys
from pathlib import Path
from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import SourceSpec, load

settings = load_settings({}, data_dir=Path(sys.argv[1]))
spec = SourceSpec.model_validate_json(Path(sys.argv[2]).read_text())
lake = Lake(settings)
load(spec, lake, settings, progress=lambda report: os.kill(os.getpid(), signal.SIGKILL))
"""


def land(home: Settings, name: str, *rows: object, source: str = "payments") -> Path:
    path = Path(home.landing) / source / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json_lines(*rows))  # type: ignore[arg-type]
    return path


def flood(home: Settings, day: int = 0, good: int = 72, bad: int = 28) -> str:
    """A file in which about every fourth row breaks the contract."""
    name = file_name(seal_of(day))
    rows = [payment(day * 1000 + n, seal_of(day)) for n in range(good)]
    land(home, name, *rows, *[payment(n, seal_of(day), "x") for n in range(bad)])
    return name


def run(spec: SourceSpec) -> dict[str, dg.AssetCheckEvaluation]:
    """Run the source's step once: its checks by name."""
    resources = {
        "lake": LakeResource(),
        "clock": Clock(at="2026-05-03T00:00:00+00:00"),
        "refresh": Refresh(),
    }
    result = dg.materialize(
        list(Source(spec).definitions().assets or ()),  # type: ignore[arg-type]
        resources=resources,
        raise_on_error=False,
    )
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def test_a_flood_of_bad_rows_stays_failed_without_new_files(home: Settings) -> None:
    name = flood(home)
    assert not run(make_spec())["contract"].passed
    again = run(make_spec())["contract"]
    assert not again.passed
    assert again.severity is dg.AssetCheckSeverity.ERROR
    assert name in (again.description or "")
    assert "lakehouse quarantine" in (again.description or "")


def test_a_flood_stays_failed_after_a_later_clean_file(home: Settings) -> None:
    flood(home)
    run(make_spec())
    land(home, file_name(seal_of(1)), *[payment(n, seal_of(1)) for n in range(5000)])
    assert not run(make_spec())["contract"].passed


@pytest.mark.slow
def test_a_run_killed_between_load_and_check_leaves_the_gate_closed(
    home: Settings, tmp_path: Path
) -> None:
    flood(home)
    (tmp_path / "spec.json").write_text(make_spec().model_dump_json(by_alias=True))
    command = [sys.executable, "-c", KILLED, str(home.data_dir), str(tmp_path / "spec.json")]
    assert subprocess.run(command, check=False).returncode == -9
    assert not run(make_spec())["contract"].passed


@pytest.mark.parametrize("days", [1, 40])
def test_a_few_bad_rows_a_day_only_warn_on_any_number_of_days(home: Settings, days: int) -> None:
    for day in range(days):
        flood(home, day, good=1, bad=2)
    checks = run(make_spec())
    assert checks["contract"].passed
    assert not checks["quarantine"].passed
    assert checks["quarantine"].severity is dg.AssetCheckSeverity.WARN
    assert f"{2 * days:,} of {3 * days:,} rows" in (checks["quarantine"].description or "")


def test_undecided_rows_and_files_warn_in_every_later_run(home: Settings) -> None:
    spec = make_spec(volume={"min_rows": 5})
    flood(home, good=2, bad=1)
    refused = land(home, "20261399T000000000000Z.jsonl", payment(1, seal_of(0)))
    run(spec)
    checks = run(spec)
    assert not checks["quarantine"].passed
    assert refused.name in (checks["quarantine"].description or "")
    assert "amount: not a DECIMAL(18,2)" in (checks["quarantine"].description or "")
    assert not checks["volume"].passed
    assert file_name(seal_of(0)) in (checks["volume"].description or "")

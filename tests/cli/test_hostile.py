"""Names and values that look like markup or terminal codes pass through every command unharmed."""

import re
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from lakehouse.cli import main
from lakehouse.declarations.specs import Declarations
from lakehouse.errors import LakehouseError
from lakehouse.lake import Author, Lake, quote
from lakehouse.models import declared
from lakehouse.orchestration.components import Source
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.registry import champion
from lakehouse.settings import Settings
from lakehouse.sources import SourceSpec
from tests.cli.test_output import HOSTILE, SEEN
from tests.sources.conftest import column, file_name, seal_of

TEXT = HOSTILE.removesuffix("\udce9")  # neither DuckDB nor SQLite can store it
SHOWN = SEEN.removesuffix("\\udce9")
UNITS = ("speed [km/h]", "rate [/h]", f"c{TEXT}")

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command; return its status and all its output, checked for control characters."""
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments: str, text: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(main, arguments, input=text)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert not re.search(r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", result.output)
        return result.exit_code, result.output

    return invoke


def test_sql_and_its_prompt_and_tables_escape_hostile_names(run: Run, lake: Lake) -> None:
    with lake.writer(Author(TEXT)) as cursor:
        cursor.execute(f"CREATE TABLE raw.{quote(TEXT)} AS SELECT ? AS {quote(TEXT)}", [TEXT])
    lake.close()
    query = f"SELECT * FROM raw.{quote(TEXT)}"
    status, shown = run("sql", query)
    assert (status, [line.strip() for line in shown.splitlines()]) == (0, [SHOWN, SHOWN])
    status, shown = run("sql", text="SELECT '[/x]' AS \"[b]\", chr(27) AS e;\n")
    assert (status, shown.split()) == (0, ["[b]", "e", "[/x]", "\\x1b"])
    status, shown = run("tables")
    assert (status, shown.split()[4:]) == (0, [f"raw.{SHOWN}", "1", "1", "table"])
    status, shown = run(
        "sql", "SELECT author FROM lake.snapshots() ORDER BY snapshot_id DESC LIMIT 1"
    )
    assert shown.split()[1:] == [SHOWN]
    status, shown = run("sql", f"FROM raw.t WHERE {quote(TEXT)} = 1")
    assert (status, shown.startswith("error: ")) == (1, True)
    status, shown = run("sql", f"SELECT error('{TEXT}')")
    assert (status, "error: " in shown, "\\x1b" in shown) == (1, True, True)


@pytest.fixture
def graph(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> SourceSpec:
    """A source whose file has columns that are not in its contract, and an asset that fails."""
    spec = SourceSpec.model_validate(
        {
            "name": "units",
            "description": "Measurements.",
            "owners": ["team:test"],
            "connector": {"kind": "files"},
            "contract": {
                "key": ["id"],
                "declared_time": "at",
                "on_change": "freeze",
                "columns": [column("id", "BIGINT"), column("at", "TIMESTAMP", nullable=False)],
            },
        }
    )
    folder = Path(settings.landing) / spec.name
    folder.mkdir(parents=True)
    head = ",".join(f'"{name}"' for name in ("id", "at", *UNITS))
    rows = f"{head}\n1,2026-05-01T00:00:00Z{',1' * len(UNITS)}\n"
    (folder / file_name(seal_of(0), ".csv")).write_bytes(rows.encode())

    @dg.asset(key=["core", "broken"])
    def broken() -> None:
        raise LakehouseError(f"{TEXT} is wrong; mend {TEXT} now")

    @dg.asset(
        key=["core", "failing_check"],
        check_specs=[dg.AssetCheckSpec("values", asset=["core", "failing_check"])],
    )
    def failing_check() -> dg.MaterializeResult:  # type: ignore[type-arg]
        found = dg.AssetCheckResult(
            check_name="values", passed=False, description=TEXT, metadata={"remedy": TEXT}
        )
        return dg.MaterializeResult(check_results=[found])

    definitions = dg.Definitions(
        assets=[*(Source(spec).definitions().assets or ()), broken, failing_check],
        jobs=[dg.define_asset_job("refresh")],
        resources={
            "lake": LakeResource(),
            "refresh": Refresh(),
            "clock": Clock(at="2026-05-03T00:00:00+00:00"),
        },
    )
    monkeypatch.setattr("lakehouse.definitions.defs", lambda: definitions)
    return spec


@pytest.mark.slow
def test_run_and_status_escape_names_errors_and_findings(run: Run, graph: SourceSpec) -> None:
    status, shown = run("run")
    lines = shown.splitlines()
    assert status == 1
    assert f"failed  core__broken  {SHOWN} is wrong; mend {SHOWN} now" in lines
    assert f"failed  core/failing_check: check values: {SHOWN}" in lines
    # the source's own event was printed despite its columns
    assert [line for line in lines if line.startswith(f"same    {'raw/units':<36}")]
    assert "was stopped" not in shown
    run_output = shown
    status, shown = run("status")
    assert status == 0
    assert f"core/broken failed: {SHOWN} is wrong; mend {SHOWN} now" in shown
    assert f"check values failed: {SHOWN}; {SHOWN}" in shown
    for name in ("speed [km/h]", "rate [/h]"):
        assert name in run_output
        assert name in shown


@pytest.mark.slow
def test_lines_summary_and_status_count_the_same_outcomes(run: Run, graph: SourceSpec) -> None:
    import json

    _, shown = run("run")
    (summary,) = [line for line in shown.splitlines() if "checks: " in line]
    found = re.search(
        r"(\d+) steps failed; checks: (\d+) passed, (\d+) warned, (\d+) failed", summary
    )
    assert found
    steps, passed, warned, failed = map(int, found.groups())
    lines = shown.splitlines()
    assert (
        sum(line.startswith("failed  ") and ": check " not in line for line in lines) == steps == 1
    )
    assert sum(line.startswith("failed  ") and ": check " in line for line in lines) == failed == 1
    assert sum(line.startswith("warned  ") for line in lines) == warned
    assert warned >= 1
    _, page = run("status", "--json")
    assets = json.loads(page)["assets"]
    assert sum(asset["checks_passed"] for asset in assets) == passed
    assert sum(len(asset["checks_warned"]) for asset in assets) == warned
    assert sum(len(asset["checks_failed"]) for asset in assets) == failed
    assert sum(asset["error"] is not None for asset in assets) == steps


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--select", HOSTILE),
        ("models", "show", "fraud_detector", HOSTILE),
        ("models", "compare", HOSTILE, HOSTILE, HOSTILE),
        ("models", "promote", HOSTILE, HOSTILE, "--why", HOSTILE),
        ("models", "rollback", HOSTILE, "--why", HOSTILE),
        ("models", "archive", HOSTILE, HOSTILE, "--why", HOSTILE),
        ("models", "report", HOSTILE),
        ("models", "reproduce", HOSTILE, HOSTILE),
        ("sql", HOSTILE),
        ("simulate", "--days", "1"),
    ],
)
def test_a_hostile_argument_or_setting_is_a_readable_error(
    run: Run, lake: Lake, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    lake.snapshot()
    lake.close()
    monkeypatch.setenv("LAKEHOUSE_LANDING", f"s3://{HOSTILE}")
    status, shown = run(*arguments)
    assert (status, shown.startswith("error: ")) == (1, True)


def test_a_benchmark_on_a_folder_with_a_hostile_name_is_a_readable_error(
    run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / HOSTILE.replace("/", "|")
    folder.mkdir()
    status, shown = run("benchmark", "handbook", "--from", str(folder))
    assert (status, "lacks files" in shown) == (1, True)


def test_recorded_texts_about_models_are_escaped(
    run: Run, ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declared, "_read", lambda _: Declarations((ready.spec,)))
    monkeypatch.setattr("getpass.getuser", lambda: TEXT)
    ready.lake.close()
    status, shown = run("models", "promote", "detector", "v0002", "--why", TEXT)
    assert (status, shown.count("[/x][red]")) == (0, 2)
    status, shown = run("models", "show", "detector")
    assert (status, SHOWN in shown) == (0, True)
    assert run("models", "show", "detector", "--json")[0] == 0
    assert run("models", "list")[0] == 0
    assert run("models", "compare", "detector", "v0001", "v0002")[0] == 0
    status, shown = run("models", "rollback", "detector", "--why", TEXT)
    assert status == 0
    assert champion(ready.lake, "detector").version.startswith("v0001")

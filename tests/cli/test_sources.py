"""`lakehouse sources`: its output, and the tables that it would rebuild."""

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from lakehouse.cli import main
from lakehouse.cli.sources.unload import redo_selection
from lakehouse.definitions import defs
from lakehouse.lake import Lake
from lakehouse.orchestration.runs.in_process import _resolve_selection
from lakehouse.settings import Settings, load_settings
from lakehouse.sources import load
from lakehouse.sources.declared import find_source
from tests.project import PROJECT

FILES = ["20260501T235959999999Z.csv", "20260502T235959999999Z.csv", "20260503T235959999999Z.csv"]
HEAD = "chargeback_id,transaction_id,transaction_time,reported_at,fraud_kind,amount,currency\n"


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(tmp_path))
    settings = load_settings()
    spec = find_source(PROJECT, "chargebacks")
    folder = Path(settings.landing) / "chargebacks"
    folder.mkdir(parents=True)
    for number, name in enumerate(FILES):
        row = f"{number},{number},2026-05-01T10:00:00Z,2026-05-0{number + 1}T10:00:00Z,x,1,EUR\n"
        (folder / name).write_text(HEAD + row if number < 2 else "")
    with Lake(settings) as lake:
        load(spec, lake, settings)
    return settings


def test_a_file_is_unloaded_and_the_list_shows_it(loaded: Settings) -> None:
    command = ["sources", "unload", "chargebacks", FILES[1], "--why", "a test [file]"]
    done = CliRunner().invoke(main, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "1 rows and 0 rejected ones" in done.output
    assert f"--full-refresh --select '{redo_selection('chargebacks')}'" in done.output

    listed = CliRunner().invoke(main, ["sources", "list", "--json"], catch_exceptions=False)
    rows = {row.pop("source"): row for row in json.loads(listed.output)}
    assert rows["chargebacks"] == {
        "seal": "2026-05-01T23:59:59.999999",
        **{"loaded": 1, "refused": 1, "unloaded": 1, "skipped": 0, "rows": 1, "rejected": 0},
        "always_complete": False,
        "note": "1 file refused: see `lakehouse quarantine list`",
    }
    assert rows["customers"]["loaded"] == 0
    assert rows["customers"]["note"] == "no file has landed"
    table = CliRunner().invoke(main, ["sources", "list"], catch_exceptions=False).output
    assert "2026-05-01 23:59" in table


def test_a_repeated_file_and_new_files_are_listed_with_a_note(loaded: Settings) -> None:
    folder = Path(loaded.landing) / "chargebacks"
    (folder / "20260504T235959999999Z.csv").write_bytes((folder / FILES[0]).read_bytes())
    listed = CliRunner().invoke(main, ["sources", "list", "--json"], catch_exceptions=False)
    rows = {row.pop("source"): row for row in json.loads(listed.output)}
    assert rows["chargebacks"]["note"].startswith("1 new file to load with `lakehouse run`")
    with Lake(loaded) as lake:
        load(find_source(PROJECT, "chargebacks"), lake, loaded)
    listed = CliRunner().invoke(main, ["sources", "list", "--json"], catch_exceptions=False)
    rows = {row.pop("source"): row for row in json.loads(listed.output)}
    assert (rows["chargebacks"]["skipped"], rows["chargebacks"]["loaded"]) == (1, 2)
    command = ["sources", "unload", "chargebacks", FILES[0], "--why", "wrong"]
    done = CliRunner().invoke(main, command, catch_exceptions=False)
    assert "20260504T235959999999Z.csv has the same bytes and was skipped" in done.output


@pytest.mark.parametrize(
    "words", [("nothing", "x"), ("chargebacks", "x"), ("chargebacks", FILES[2])]
)
def test_a_file_that_cannot_be_unloaded_is_one_sentence(
    loaded: Settings, words: tuple[str, str]
) -> None:
    done = CliRunner().invoke(main, ["sources", "unload", *words, "--why", "w"])
    assert done.exit_code == 1
    assert "error: " in done.output
    assert "Traceback" not in done.output


@pytest.mark.slow
def test_redo_rebuilds_everything_downstream_of_a_source_and_nothing_else(
    new_data_dir: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(new_data_dir()))
    definitions: dg.Definitions = defs()
    graph = definitions.resolve_asset_graph()
    found = {
        "/".join(key.path)
        for key in _resolve_selection(definitions, [redo_selection("chargebacks")])
    }
    assert {"staging/stg_chargebacks", "core/fct_labels", "features/terminal_risk"} <= found
    assert {name.partition("/")[0] for name in found} == {
        "staging",
        "core",
        "reporting",
        "features",
    }
    below = dg.AssetSelection.from_string('key:"raw/chargebacks"+').resolve(graph)
    assert {"/".join(key.path) for key in below if key.path[0] in ("core", "features")} <= found

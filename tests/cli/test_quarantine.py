"""From a blocking load to the decision that unblocks it, by commands alone."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lakehouse.cli import main
from lakehouse.lake import Lake
from lakehouse.settings import Settings
from lakehouse.sources import load
from tests.sources.conftest import file_name, json_lines, seal_of

BROKEN = '{"a": "[/red]"'


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A lake with a load in which all 20 rows were rejected, one with a hostile text."""
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(settings.data_dir))
    from lakehouse.sources.declared import find_source

    spec = find_source(settings.project, "chargebacks")
    path = Path(settings.landing) / spec.name / file_name(seal_of(0))
    path.parent.mkdir(parents=True)
    path.write_bytes(json_lines(*[BROKEN] * 20))
    with Lake(settings) as lake:
        load(spec, lake, settings)
    return settings


def command(*words: str) -> Result:
    return CliRunner().invoke(main, ["quarantine", *words], catch_exceptions=False)


def test_quarantined_rows_are_listed_shown_and_decided_once(home: Settings) -> None:
    [listed] = json.loads(command("list", "--json").output)
    assert (listed["source"], listed["rows"], listed["of"]) == ("chargebacks", 20, 20)
    assert listed["blocks"] is True
    assert "flood" in command("list").output
    rows = json.loads(command("show", "chargebacks", "--limit", "2", "--json").output)
    assert [(row["row"], row["text"]) for row in rows] == [(n, BROKEN) for n in (1, 2)]
    assert "[/red]" in command("show", "chargebacks").output

    done = command("discard", "chargebacks", "--why", "the bank knows")

    assert done.exit_code == 0
    assert f"20 rows of {file_name(seal_of(0))}: rejected rows, accepted" in done.output
    assert command("list").output == "nothing is undecided\n"
    again = command("discard", "chargebacks", "--why", "once more")
    assert again.exit_code == 1
    assert again.output.startswith("error: nothing of chargebacks is undecided: ")
    assert "the bank knows" in again.output
    assert again.output.count("\n") == 1
    [decided] = json.loads(command("list", "--decided", "--json").output)
    assert (decided["decision"], decided["rows"]) == ("discard", 20)


def test_released_rows_are_in_the_landing_zone_for_the_next_load(home: Settings) -> None:
    done = command("release", "chargebacks", "--why", "the contract was wrong")
    assert done.exit_code == 0
    released = Path(home.landing) / "chargebacks" / "20260501T235959999999Z_released_1.jsonl"
    assert released.read_bytes() == json_lines(*[BROKEN] * 20)


def test_an_undeclared_source_is_an_error_with_the_declared_names(
    home: Settings,
) -> None:
    done = command("show", "chargeback")
    assert done.exit_code == 1
    assert "declared are chargebacks, customers" in done.output


def test_status_lists_undecided_items_whatever_the_last_checks_were(home: Settings) -> None:
    from io import StringIO

    from lakehouse.cli.output import Output
    from lakehouse.cli.status import print_undecided
    from lakehouse.sources.undecided import list_undecided

    output = StringIO()
    with Lake(home, read_only=True) as lake:
        print_undecided(Output(output), list_undecided(lake))
    assert output.getvalue() == (
        "raw/chargebacks undecided: 20 rejected rows; 1 loads block everything downstream; "
        "see lakehouse quarantine list chargebacks\n"
    )

"""The help of every command, and how an invalid command line ends."""

import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import lakehouse.cli
from lakehouse.cli import main
from lakehouse.cli.groups import LazyGroup
from tests.cli.tree import walk

ALL = {context.command_path: context for context in walk()}
GROUPS = {path: one for path, one in ALL.items() if isinstance(one.command, click.Group)}
COMMANDS = {path: one for path, one in ALL.items() if path not in GROUPS}


def examples(context: click.Context) -> list[list[str]]:
    lines = (context.command.epilog or "").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("  lakehouse ")]


@pytest.mark.parametrize("path", ALL)
def test_the_first_sentence_of_a_help_fits_the_list_of_commands(path: str) -> None:
    first = (ALL[path].command.help or "").split("\n\n")[0]
    assert first.endswith(".")
    assert ALL[path].parent is None or ALL[path].command.get_short_help_str(62) == first


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_has_a_help_text(path: str) -> None:
    options = [one for one in COMMANDS[path].command.params if isinstance(one, click.Option)]
    unexplained = [option.opts for option in options if not (option.help or "").endswith(".")]
    assert unexplained == []


@pytest.mark.parametrize("path", COMMANDS)
def test_the_examples_in_a_help_call_that_command(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "handbook").mkdir(parents=True)  # the folder that an example reads
    monkeypatch.chdir(tmp_path)
    ran: list[str] = []
    monkeypatch.setattr(COMMANDS[path].command, "callback", lambda **_: ran.append(path))
    found = examples(COMMANDS[path])
    assert found
    for _, *words in found:
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.stderr
    assert ran == [path] * len(found)


@pytest.mark.parametrize("path", ALL)
def test_an_unknown_option_ends_with_status_2_and_one_sentence(path: str) -> None:
    result = CliRunner().invoke(main, [*path.split()[1:], "--unheard-of"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].startswith("Error: No such option '--unheard-of'")
    assert result.stderr.count("Error: ") == 1


@pytest.mark.parametrize("path", GROUPS)
def test_an_unknown_command_ends_with_status_2_and_the_known_names(path: str) -> None:
    result = CliRunner().invoke(main, [*path.split()[1:], "unheard-of"])
    assert (result.exit_code, result.stdout) == (2, "")
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: No such command 'unheard-of'; the commands are ")
    group = GROUPS[path].command
    assert last.endswith(f" {', '.join(group.list_commands(GROUPS[path]))}.")


BOUNDED = [path for path, one in COMMANDS.items() if all(p.nargs != -1 for p in one.command.params)]
"""All but `dbt`, which passes every word on."""


@pytest.mark.parametrize("path", BOUNDED)
def test_an_extra_argument_ends_with_status_2_and_one_sentence(path: str) -> None:
    prompted = [
        one for one in COMMANDS[path].command.params if isinstance(one, click.Option) and one.prompt
    ]
    given = [word for option in prompted for word in (option.opts[0], "x")]  # else it would prompt
    result = CliRunner().invoke(main, [*path.split()[1:], *given, *["x"] * 5])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("Error: ") == 1


def test_help_needs_no_valid_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_UNHEARD_OF", "1")
    assert CliRunner().invoke(main, ["run", "--help"]).exit_code == 0
    result = CliRunner().invoke(main, ["tables"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "LAKEHOUSE_UNHEARD_OF" in result.stderr


def test_every_file_with_a_command_is_registered_under_its_name() -> None:
    root = Path(next(iter(lakehouse.cli.__path__)))
    having = {
        path.parent if path.name == "__init__.py" else path.with_suffix("")
        for path in root.rglob("*.py")
        if "\ndef command(" in path.read_text()
    }
    assert {str(path.relative_to(root)) for path in having} == {
        "/".join(path.split()[1:]).replace("-", "_") for path in ALL if path != "lakehouse"
    }
    for path, context in ALL.items():
        assert context.command.name == path.split()[-1] or context.parent is None
    assert all(isinstance(one.command, LazyGroup) for one in GROUPS.values())

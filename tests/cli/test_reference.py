"""The page of commands is what the commands print."""

from pathlib import Path

from tests.cli.reference import lines

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"


def test_the_page_of_commands_is_their_help() -> None:
    assert PAGE.read_text() == "\n".join(lines()), "`make reference` writes it anew"

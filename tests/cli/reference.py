"""The page of all commands, from their own help.

`python -m tests.cli.reference > docs/reference/commands.md` (`make reference`) writes it.
"""

from collections.abc import Iterator

from tests.cli.tree import walk

HEAD = """# Commands

Every command and group with its options, as `--help` prints them. `make reference` writes this page
from the commands, and a test compares. `lakehouse` is in `.venv/bin`.
"""


def lines() -> Iterator[str]:
    """The page, in Markdown: a section for each command, with its help as it is printed."""
    yield HEAD
    for context in walk():
        level = "##" if context.parent is None or context.parent.parent is None else "###"
        help_text = "\n".join(line.rstrip() for line in context.get_help().splitlines())
        yield f"{level} {context.command_path}\n\n```\n{help_text}\n```\n"


if __name__ == "__main__":
    print("\n".join(lines()), end="")

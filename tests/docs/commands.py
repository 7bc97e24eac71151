"""The page of all commands, from their own help."""

from tests.cli.tree import walk


def command_sections() -> str:
    """A section of Markdown for each command and group, with its help as it is printed."""
    return "\n".join(_sections())


def _sections() -> list[str]:
    sections = []
    for context in walk():
        level = "##" if context.parent is None or context.parent.parent is None else "###"
        text = "\n".join(line.rstrip() for line in context.get_help().splitlines())
        sections.append(f"\n{level} {context.command_path}\n\n```\n{text}\n```")
    return sections

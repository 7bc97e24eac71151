"""YAML as people write it here: one line for each small group of fields, quoted where needed."""

import re
from typing import Any

import yaml

_WIDE = 1 << 20


def one_line(value: Any) -> str:
    """A value on one line: a scalar, `[a, b]` or `{name: a, type: DATE}`, in the order given."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=_WIDE, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").rstrip("\n")


def prose(text: str) -> str:
    """A text in which dbt and Dagster find no template: names and values of data may hold one."""
    return re.sub(r"\{(?=[{%#])", "{ ", text)


def comment(text: str, indent: int = 0, width: int = 100) -> list[str]:
    """Lines of a comment."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width - indent - 2:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [f"{' ' * indent}# {each}" for each in [*lines, line]]

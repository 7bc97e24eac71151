"""Data as Markdown for Dagster's UI: the only module that escapes it.

Texts stay literal: none of them becomes a link, an image, HTML or a further cell.
"""

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&$@]|:(?=\S)|(?<=www)\.)", re.IGNORECASE)
_WHITESPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def escape(text: str) -> str:
    """`text` as one line of literal Markdown (CommonMark and GitHub's)."""
    return _SPECIAL.sub(r"\\\1", _WHITESPACE.sub(" ", text))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """A table of escaped texts; the columns in `right`, by number from 0, are right-aligned."""
    rule = ["---:" if number in right else "---" for number in range(len(head))]
    lines = [list(map(escape, head)), rule, *(list(map(escape, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

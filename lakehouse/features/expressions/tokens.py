"""Divides the text of an expression into tokens, as SQL does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lakehouse.features.expressions.terms import FeatureError

Type = Literal["number", "text", "quoted", "word", "symbol", "end"]

_TOKEN = re.compile(
    r"""(?P<number>(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")+")
    |(?P<word>[^\W\d]\w*)
    |(?P<symbol><>|<=|>=|==|!=|[-+*/<>=(),.])""",
    re.VERBOSE,
)
_REMEDIES = {
    "'": "a text ends with a single quote, and a quote within it is written twice",
    '"': "a name in double quotes is not empty and ends with one",
}
_OPERATORS = "operators are + - * / = <> < <= > >= and, or, not, is null, in, between"


@dataclass(frozen=True)
class Token:
    """A token and its place: `text[start:end]`."""

    type: Type
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The token in lower case if it is a word without quotes; otherwise its text as it is."""
        return self.text.lower() if self.type == "word" else self.text


def tokens(text: str) -> Iterator[Token]:
    """The tokens of `text`; the last one has the type `end` and is empty.

    Raises:
        FeatureError: with the place, for a character that starts no token.
    """
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            remedy = _REMEDIES.get(text[position], _OPERATORS)
            raise error_at(text, position, position + 1, f"this is not expected; {remedy}")
        end = match.end()
        if text.startswith("--", position):
            raise error_at(text, position, end + 1, "SQL reads this as a comment; write `- -`")
        if match.lastgroup == "number" and text[end : end + 1].isalnum():
            raise error_at(text, position, end + 1, "a number ends before a letter")
        yield Token(match.lastgroup, match[0], position, end)  # type: ignore[arg-type]
        position = end
    yield Token("end", "", position, position)


def error_at(text: str, start: int, end: int, message: str) -> FeatureError:
    """An error that shows the expression and the place in it."""
    fragment = " ".join(text[start:end].split())
    where = f"character {start + 1}" + (f", `{fragment}`" if fragment else "")
    return FeatureError(f"expression {text!r}, {where}: {message}")

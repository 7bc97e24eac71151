"""JSON Lines: each value as the text that the file has of it, so that no number passes a float.

Python's parser with hooks, six times what DuckDB's takes; but that one makes 9007199254740992 of
9007199254740993.0, and the first of two keys that differ in case the value of both.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from lakehouse.sources.reading.lines import read_lines
from lakehouse.sources.reading.tables import (
    MOST_COLUMNS,
    NOT_UTF8,
    Block,
    Reading,
    Shape,
    Unreadable,
    text_block,
)

MALFORMED = "malformed JSON"
_SPACE = " \t\n\r"


class _Number(str):
    """The text of a number."""


_TEXTS = {str, _Number, type(None)}
"""Types of values that are their own text; of the others (true, lists) it is what the file has."""


class _Twice(ValueError):
    """A key that an object has twice."""


def read_json_lines(stream: Any, reading: Reading) -> Iterator[Block]:
    """The blocks of a file whose lines are JSON objects; blank lines are no rows."""
    for first, lines in read_lines(stream, reading.longest):
        rows: list[tuple[int, str, str | None]] = []
        objects: list[dict[str, str | None]] = []
        for number, (line, broken) in enumerate(lines, start=first):
            try:
                text = line.decode()
            except UnicodeDecodeError:
                text, broken = line.decode(errors="replace"), broken or NOT_UTF8
            if not broken and not text.strip():
                continue
            values: dict[str, str | None] = {}
            if not broken:
                broken, values = _values(text)
            rows.append((number, text, broken))
            objects.append(values)
        yield _block(reading, rows, objects)


def _block(
    reading: Reading,
    rows: list[tuple[int, str, str | None]],
    objects: list[dict[str, str | None]],
) -> Block:
    found: Counter[str] = Counter()
    for values in objects:
        found.update(values.keys())
    columns = dict.fromkeys(reading.columns)
    if reading.others:
        columns |= dict.fromkeys(sorted(found))
    if len(columns) > MOST_COLUMNS:
        raise Unreadable(f"its rows have {len(columns):,} keys, more than {MOST_COLUMNS:,}")
    texts = [[values.get(name) for values in objects] for name in columns]
    return text_block(Shape("jsonl", tuple(columns)), rows, texts, found)


def _values(text: str) -> tuple[str | None, dict[str, Any]]:
    """Why the row is broken, and the text of each of its values."""
    try:
        found = _DECODER.decode(text)
    except _Twice as error:
        return f"{MALFORMED}: {error}", {}
    except (ValueError, RecursionError):
        return MALFORMED, {}
    if type(found) is not dict:
        return MALFORMED, {}
    if not _TEXTS.issuperset(map(type, found.values())):
        found = {key: _text(found[key], original) for key, original in _members(text)}
    if "\\u" in text and not _is_unicode(found):
        return f"{MALFORMED}: half a surrogate pair", {}
    return None, found


def _text(value: Any, original: str) -> str | None:
    return value if type(value) in _TEXTS else original


def _members(text: str) -> Iterator[tuple[str, str]]:
    """Keys and the original texts of the values of an object that is known to be well formed."""

    def skip(position: int) -> int:
        while text[position] in _SPACE:
            position += 1
        return position

    position = skip(skip(0) + 1)
    while text[position] != "}":
        key, position = _DECODER.raw_decode(text, position)
        start = skip(skip(position) + 1)
        _, end = _DECODER.raw_decode(text, start)
        yield key, text[start:end]
        position = skip(end)
        if text[position] == ",":
            position = skip(position + 1)


def _is_unicode(values: dict[str, str | None]) -> bool:
    try:
        "".join([*values, *(value or "" for value in values.values())]).encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(f"{next(key for key in keys if keys.count(key) > 1)!r} is in it twice")
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    parse_float=_Number, parse_int=_Number, parse_constant=_constant, object_pairs_hook=_object
)

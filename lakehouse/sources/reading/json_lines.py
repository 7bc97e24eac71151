"""JSON Lines: each value as its text in the file, so that no number passes through a float.

DuckDB's JSON turns 9007199254740993.0 into 9007199254740992, and drops one of two equal keys. So it
receives only lines whose form rules out any loss: flat objects of plain texts and of numbers that a
double holds to the digit. The others go through Python's parser with hooks.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb

from lakehouse.sources.reading.lines import Line, read_lines
from lakehouse.sources.reading.tables import (
    MAX_COLUMNS,
    NOT_UTF8,
    Block,
    Reading,
    Shape,
    Unreadable,
    names,
    text_block,
)

MALFORMED = "malformed JSON"
_SPACE = " \t\n\r"
_PLAIN_TEXT = r'"[^"\\\x00-\x1f]*"'
_EXACT = r"0|-?[1-9][0-9]{0,14}|-?(0\.[0-9]{0,3}[1-9]|[1-9][0-9]{0,7}\.[0-9]{0,5}[1-9])"
_MEMBER = rf"[ \t]*{_PLAIN_TEXT}[ \t]*:[ \t]*({_PLAIN_TEXT}|{_EXACT}|true|false|null)[ \t]*"
FLAT = rf"^[ \t]*\{{{_MEMBER}(,{_MEMBER})*\}}[ \t\r]*$"


class _Number(str):
    """The text of a number."""


_TEXTS = {str, _Number, type(None)}
"""Types of values that are their own text; for others (true, lists) the file's text is kept."""


class _DuplicateKey(ValueError):
    """A duplicate key in an object."""


def read_json_lines(
    stream: Any, reading: Reading, scratch: duckdb.DuckDBPyConnection | None = None
) -> Iterator[Block]:
    """The blocks of a file whose lines are JSON objects; blank lines are skipped.

    With a `scratch` DuckDB most lines take a third of the time.
    """
    for first, lines in read_lines(stream, reading.max_row_bytes):
        numbered = list(enumerate(lines, start=first))
        flat = None
        if scratch is not None:
            flat, numbered = _read_flat(scratch, reading, numbered)
        odd = _read_odd(reading, numbered)
        yield odd if flat is None else _merge(flat, odd) if len(odd.table) else flat


def _read_flat(
    scratch: duckdb.DuckDBPyConnection, reading: Reading, numbered: list[tuple[int, Line]]
) -> tuple[Block | None, list[tuple[int, Line]]]:
    """One block of all lines in plain form with the same keys, and the remaining lines."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        texts = pa.array([line for _, (line, _) in numbered], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return None, numbered  # some are not UTF-8
    whole = pa.array([broken is None for _, (_, broken) in numbered])
    numbers = pa.array([number for number, _ in numbered], pa.int64())
    is_flat = pc.and_(whole, pc.match_substring_regex(texts, FLAT))
    flat = pa.table({"number": numbers, "line": texts}).filter(is_flat)
    scratch.register("flat", flat)
    try:
        query = "SELECT json_keys(line) AS keys, count(*) FROM flat GROUP BY keys ORDER BY 2 DESC"
        keys = next(
            (k for k, _ in scratch.execute(query).fetchall() if len(set(k)) == len(k)), None
        )
        if not keys or "" in keys:
            return None, numbered
        paths = ["/" + key.replace("~", "~0").replace("/", "~1") for key in keys]
        found = scratch.execute(
            "SELECT number, line, json_extract_string(line, ?) AS texts FROM flat "
            "WHERE json_keys(line) = ?",
            [paths, keys],
        ).to_arrow_table()
    finally:
        scratch.unregister("flat")
    fields = pc.list_flatten(found["texts"].combine_chunks())
    columns = _columns(reading, keys)
    arrays = []
    for name in columns:
        if name in keys:
            places = np.arange(keys.index(name), len(fields), len(keys))
            arrays.append(fields.take(pa.array(places, pa.int64())))
        else:
            arrays.append(pa.nulls(len(found), pa.string()))
    nothing = pa.nulls(len(found), pa.string())
    data = [found["number"], found["line"], nothing, *arrays]
    table = pa.table(data, names=names(len(columns)))
    done = set(found["number"].to_pylist())
    left = [one for one in numbered if one[0] not in done]
    return Block(Shape("jsonl", columns), table, dict.fromkeys(keys, len(found))), left


def _merge(flat: Block, odd: Block) -> Block:
    """Both parts of a block, in the order of the file."""
    import pyarrow as pa

    shape = Shape("jsonl", tuple(dict.fromkeys([*flat.shape.columns, *odd.shape.columns])))
    tables = []
    for block in (flat, odd):
        has = dict(zip(block.shape.columns, names(len(block.shape.columns))[3:], strict=True))
        missing = pa.nulls(len(block.table), pa.string())
        data = [block.table[has[name]] if name in has else missing for name in shape.columns]
        head = [block.table[name] for name in names(0)]
        tables.append(pa.table([*head, *data], names=names(len(shape.columns))))
    table = pa.concat_tables(tables).sort_by("_row")
    return Block(shape, table, Counter(flat.found) + Counter(odd.found))


def _read_odd(reading: Reading, numbered: list[tuple[int, Line]]) -> Block:
    """Lines of any form, read by Python's parser."""
    rows: list[tuple[int, str, str | None]] = []
    objects: list[dict[str, str | None]] = []
    for number, (line, broken) in numbered:
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
    found: Counter[str] = Counter()
    for values in objects:
        found.update(values.keys())
    columns = _columns(reading, sorted(found))
    texts = [[values.get(name) for values in objects] for name in columns]
    return text_block(Shape("jsonl", columns), rows, texts, found)


def _columns(reading: Reading, found: list[str]) -> tuple[str, ...]:
    columns = dict.fromkeys(reading.columns)
    if reading.all_columns:
        columns |= dict.fromkeys(found)
    if len(columns) > MAX_COLUMNS:
        raise Unreadable(f"its rows have {len(columns):,} keys, more than {MAX_COLUMNS:,}")
    return tuple(columns)


def _values(text: str) -> tuple[str | None, dict[str, Any]]:
    """Why the row is broken, and the text of each of its values."""
    try:
        found = _DECODER.decode(text)
    except _DuplicateKey as error:
        return f"{MALFORMED}: {error}", {}
    except (ValueError, RecursionError):
        return MALFORMED, {}
    if type(found) is not dict:
        return MALFORMED, {}
    if not _TEXTS.issuperset(map(type, found.values())):
        found = {key: _text(found[key], original) for key, original in _members(text)}
    if "\\u" in text and not _is_unicode(found):
        return f"{MALFORMED}: unpaired surrogate", {}
    return None, found


def _text(value: Any, original: str) -> str | None:
    return value if type(value) in _TEXTS else original


def _members(text: str) -> Iterator[tuple[str, str]]:
    """Keys and original texts of the values of an object that is known to be well formed."""

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
        raise _DuplicateKey(f"{next(key for key in keys if keys.count(key) > 1)!r} appears twice")
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    parse_float=_Number, parse_int=_Number, parse_constant=_constant, object_pairs_hook=_object
)

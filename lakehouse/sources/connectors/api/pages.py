"""Splits a page of an API into records without parsing it: each record keeps its original text.

Python's `json` would turn numbers into floats, keep one of two equal keys and fail on deep nesting.
This module only tracks strings and brackets, so a record keeps its text, and the loader quarantines
a record that is not JSON (`NaN`, `01`) without losing its whole page. Values are not interpreted
here.
"""

import codecs
import json
import re
from dataclasses import dataclass

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(rf'{_STRING}|[\[\]{{}}"]', re.DOTALL)
_SCALAR = re.compile(rf'{_STRING}|[^\s,:\[\]{{}}"]+', re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]*")
_BREAKS = re.compile(rf"{_STRING}|\n", re.DOTALL)
_CLOSING = {"[": "]", "{": "}"}


class InvalidPage(ValueError):
    """The text is not a JSON object with a list `data`; the message says what is wrong."""


@dataclass(frozen=True)
class Page:
    """`records`: one line of original text each; `next` and `complete_through`: None if absent."""

    records: list[str]
    next: str | None
    complete_through: str | None


def decode_page(content: bytes, charset: str | None) -> str:
    """The text of a body. JSON is UTF-8 whatever the header declares, unless the bytes differ.

    A byte order mark and zero bytes identify UTF-16 and UTF-32. `charset`, from the header, is used
    only for bytes that are not UTF-8. Without it they stay in the text as surrogate escapes, so
    that their records can be landed with the original bytes.

    Raises:
        InvalidPage: when the bytes are not in the encoding that they or the header declare.
    """
    encoding = json.detect_encoding(content)
    try:
        if encoding.startswith("utf-8"):
            try:
                return content.decode("utf-8-sig")
            except UnicodeDecodeError:
                if charset is None or codecs.lookup(charset).name == "utf-8":
                    return content.decode("utf-8-sig", errors="surrogateescape")
            encoding = charset
        return content.decode(encoding)
    except (LookupError, UnicodeError) as error:
        raise InvalidPage(f"its bytes are not {encoding}: {error}") from error


def split_page(text: str) -> Page:
    """The records of a page, each with its original text, and the address of the next page.

    Line breaks between the tokens of a record become spaces. One inside a string, which JSON does
    not allow, becomes a carriage return, which JSON does not allow either: the result is still one
    bad record.

    Raises:
        InvalidPage: with the position (in characters) where the text stops being a page.
    """
    members: dict[str, list[str] | str] = {}
    at = _expect(text, _skip(text, 0), "{")
    while text[at : at + 1] != "}":
        if members:
            at = _expect(text, at, ",")
        end = _end_of_value(text, at)
        name = _string(text[at:end])
        if name is None or name in members:
            raise InvalidPage(f"{text[at:end][:80]} at {at} is not a valid name, or a duplicate")
        at = _expect(text, _skip(text, end), ":")
        if name == "data":
            members[name], end = _records(text, at)
        else:
            end = _end_of_value(text, at)
            members[name] = text[at:end]
        at = _skip(text, end)
    if (end := _skip(text, at + 1)) != len(text):
        raise InvalidPage(f"there is more text after its end, at {end}")
    records = members.get("data")
    if not isinstance(records, list):
        raise InvalidPage("it has no list `data`")
    return Page(records, _text_of(members, "next"), _text_of(members, "complete_through"))


def _records(text: str, at: int) -> tuple[list[str], int]:
    """The elements of the list at `at`, and the position after it."""
    at = _expect(text, at, "[")
    records: list[str] = []
    while text[at : at + 1] != "]":
        if records:
            at = _expect(text, at, ",")
        end = _end_of_value(text, at)
        records.append(_on_one_line(text[at:end]))
        at = _skip(text, end)
    return records, at + 1


def _end_of_value(text: str, at: int) -> int:
    """The position after the value at `at`. Not recursive: only memory limits the depth."""
    if text[at : at + 1] not in _CLOSING:
        match = _SCALAR.match(text, at)
        if match is None:
            raise InvalidPage(f"a value is missing, or a string is not closed, at {at}")
        return match.end()
    expected: list[str] = []
    for match in _TOKEN.finditer(text, at):
        token = match[0]
        if token in _CLOSING:
            expected.append(_CLOSING[token])
        elif token == '"':
            raise InvalidPage(f"a string is not closed, at {match.start()}")
        elif token in "]}":
            if token != expected.pop():
                raise InvalidPage(f"{token} does not match the open bracket, at {match.start()}")
            if not expected:
                return match.end()
    raise InvalidPage(f"it is cut off: {len(expected)} brackets are not closed")


def _on_one_line(record: str) -> str:
    if "\n" not in record:
        return record
    return _BREAKS.sub(
        lambda match: " " if match[0] == "\n" else match[0].replace("\n", "\r"), record
    )


def _text_of(members: dict[str, list[str] | str], name: str) -> str | None:
    raw = members.get(name, "null")
    text = _string(raw) if isinstance(raw, str) else None
    if text is None and raw != "null":
        raise InvalidPage(f"`{name}` is neither a string nor null: {raw[:80]}")
    return text


def _string(raw: str) -> str | None:
    """The value of a JSON string; None when `raw` is not a valid one."""
    if not raw.startswith('"'):
        return None
    try:
        return str(json.loads(raw))
    except ValueError:
        return None


def _expect(text: str, at: int, character: str) -> int:
    if text[at : at + 1] != character:
        found = repr(text[at : at + 1]) if at < len(text) else "the end"
        raise InvalidPage(f"{character} is expected at {at}, not {found}")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at

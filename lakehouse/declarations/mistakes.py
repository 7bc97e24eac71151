"""Translate pydantic's errors into sentences: one for each mistake, at the field that is wrong."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lakehouse.declarations.document import Step
from lakehouse.declarations.fields import field_names
from lakehouse.declarations.names import PATTERNS, did_you_mean
from lakehouse.declarations.part import FieldErrors
from lakehouse.redaction import redact

_KINDS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "finite_number": "a number",
    "bool": "true or false",
    "time_delta": "a duration, such as 7d or 36h",
    "date": "a date, such as 2026-05-31",
    "tuple": "a list",
    "list": "a list",
    "dict": "`name: value` lines below it",
    "model": "`name: value` lines below it",
}
"""The expected kind of value, by the prefix of pydantic's error type."""

_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}

_PLAIN = (bool, int, float, date)
"""Types that YAML infers from unquoted text."""

_MAX_SHOWN = 60
"""The maximum number of characters shown of a wrong value."""


@dataclass(frozen=True)
class Mistake:
    """What is wrong with the field at `path`, and what to write instead."""

    path: tuple[Step, ...]
    message: str


@dataclass(frozen=True)
class _Error:
    """One of pydantic's errors, its location split into fields and the union members tried.

    `members` contains for each union the number of fields that lead to it and the member that was
    tried; `alternatives` are equally good errors of other members.
    """

    path: tuple[Step, ...]
    members: tuple[tuple[int, Step], ...]
    details: ErrorDetails
    alternatives: tuple[ErrorDetails, ...] = ()

    @property
    def kind(self) -> str:
        return self.details["type"]

    @property
    def name(self) -> str:
        """The name of the missing field."""
        return str(self.details["loc"][-1])

    def is_of_other_kind(self, depth: int) -> bool:
        """Whether the value of the union below `depth` fields is of another kind altogether."""
        return len(self.path) == depth and self.kind.endswith("_type")


def find_mistakes(
    error: ValidationError, values: Mapping[str, Any], model: type[BaseModel]
) -> list[Mistake]:
    """What to correct in `values` to make them a valid `model`; each mistake once."""
    found = _keep_likely_members([_split(one, values) for one in error.errors(include_url=False)])
    schema = model.model_json_schema()
    mistakes = [
        mistake
        for one in found
        if not _is_explained(one, found)
        for mistake in _mistakes(one, _known(one, schema))
    ]
    return list(dict.fromkeys(mistakes))


def _split(details: ErrorDetails, values: Any) -> _Error:
    path: list[Step] = []
    members: list[tuple[int, Step]] = []
    steps = details["loc"][:-1] if details["type"] == "missing" else details["loc"]
    for step in steps:
        inner = values if isinstance(values, dict) else {}
        if isinstance(values, list):
            inner = dict(enumerate(values))
        if step in inner:
            path.append(step)
            values = inner[step]
        elif step != "[key]":
            members.append((len(path), step))
    return _Error(tuple(path), tuple(members), details)


def _keep_likely_members(found: list[_Error]) -> list[_Error]:
    """For each union, the errors of its best-fitting member only."""
    for one in found:
        for number, (depth, _) in enumerate(one.members):
            tried: dict[Step, list[_Error]] = {}
            for other in found:
                same_union = (
                    other.path[:depth] == one.path[:depth]
                    and other.members[:number] == one.members[:number]
                    and [place for place, _ in other.members[number : number + 1]] == [depth]
                )
                if same_union:
                    tried.setdefault(other.members[number][1], []).append(other)
            if len(tried) > 1:
                return _keep_likely_members(_without_unlikely(found, list(tried.values()), depth))
    return found


def _without_unlikely(found: list[_Error], tried: list[list[_Error]], depth: int) -> list[_Error]:
    def distance(errors: list[_Error]) -> tuple[bool, int]:
        return any(one.is_of_other_kind(depth) for one in errors), len(errors)

    likely = min(tried, key=distance)
    unlikely = [one for errors in tried if errors is not likely for one in errors]
    left = [one for one in found if one not in unlikely]
    if not distance(likely)[0]:
        return left
    alternatives = tuple(one.details for one in unlikely if one.is_of_other_kind(depth))
    return [replace(one, alternatives=alternatives) if one is likely[0] else one for one in left]


def _is_explained(one: _Error, found: list[_Error]) -> bool:
    """Whether another error explains this one: a misspelt field also counts as missing."""
    if one.kind == "too_short":
        return any(other.path[: len(one.path)] == one.path for other in found if other is not one)
    return one.kind == "missing" and any(
        other.kind == "extra_forbidden"
        and other.path[:-1] == one.path
        and difflib.get_close_matches(str(other.path[-1]), [one.name])
        for other in found
    )


def _known(one: _Error, schema: Mapping[str, Any]) -> list[str]:
    """The field names that are allowed at the mistake."""
    if one.kind == "extra_forbidden":
        return field_names(schema, one.path[:-1], without=one.path[-1])
    return field_names(schema, one.path)


def _mistakes(one: _Error, known: Sequence[str]) -> Iterator[Mistake]:
    context = one.details.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, FieldErrors):
        for each in cause.errors:
            yield Mistake((*one.path, *getattr(each, "path", ())), str(each))
    elif isinstance(cause, Exception):
        yield Mistake((*one.path, *getattr(cause, "path", ())), str(cause))
    elif one.kind == "missing":
        yield Mistake(one.path, f"the field {one.name} is missing; add it")
    elif one.kind == "extra_forbidden":
        hint = did_you_mean(str(one.path[-1]), known)
        yield Mistake(one.path, f"there is no such field{hint}")
    elif one.kind == "union_tag_invalid":
        expected = context["expected_tags"]
        path = (*one.path, context["discriminator"].strip("'"))
        yield Mistake(path, _one_of(context["tag"], expected))
    elif one.kind == "union_tag_not_found":
        name = context["discriminator"].strip("'")
        yield Mistake(one.path, f"the field {name} is missing; add it")
    else:
        yield Mistake(one.path, _value_message(one, known))


def _value_message(one: _Error, known: Sequence[str]) -> str:
    """What is wrong with a single value."""
    value, context = one.details["input"], one.details.get("ctx", {})
    if one.kind == "invalid_key":
        return f"YAML reads this name as {_shown(value)}; put it into quotes"
    if value is None:
        return "there is no value; write one, or leave the field out"
    if one.kind in ("literal_error", "enum"):
        return _one_of(value, context["expected"])
    if one.kind == "string_pattern_mismatch":
        rule = PATTERNS.get(context["pattern"], one.details["msg"])
        return f"{_shown(value)} is not valid: {rule}"
    if one.kind in _BOUNDS:
        name, phrase = _BOUNDS[one.kind]
        return f"{_shown(value)} is not valid; write {phrase} {context[name]}"
    for name, phrase in (("min_length", "at least"), ("max_length", "at most")):
        if name in context:
            unit = "characters" if isinstance(value, str) else "entries"
            return f"{_shown(value)} is not valid; write {phrase} {context[name]} {unit}"
    expected = dict.fromkeys(
        _expected(each["type"], known) for each in (one.details, *one.alternatives)
    )
    if "" in expected:
        return f"{_shown(value)} is not valid: {one.details['msg']}"
    quotes = " in quotes" if [*expected] == ["text"] and isinstance(value, _PLAIN) else ""
    return f"{_shown(value)} is not valid; write {' or '.join(expected)}{quotes}"


def _expected(kind: str, known: Sequence[str]) -> str:
    """The kind of value that pydantic's error expects; empty if it is about something else."""
    if kind in ("model_type", "model_attributes_type") and known:
        return f"fields below it, of {', '.join(known)}"
    return next((phrase for name, phrase in _KINDS.items() if kind.startswith(name)), "")


def _one_of(value: Any, expected: str) -> str:
    """`expected` in pydantic's list format: 'a', 'b' or 'c'."""
    near = difflib.get_close_matches(str(value), re.findall(r"'([^']*)'", expected), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{_shown(value)} is not one of {expected}{hint}"


def _shown(value: Any) -> str:
    """A value as YAML writes it, cut if it is long."""
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "a group of fields"
    text = redact(json.dumps(value, default=str, ensure_ascii=False))
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."

"""The allowed fields of a declaration, read from its JSON schema."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lakehouse.declarations.document import Step

Schema = Mapping[str, Any]


def field_names(schema: Schema, path: Sequence[Step], without: Step = "") -> list[str]:
    """The names of the fields at `path`, of every union member that lacks the field `without`."""
    found = [schema]
    for step in path:
        found = [inner for one in found for inner in _below(one, step, schema)]
    members = (_own(each) for one in found for each in _members(one, schema))
    return list(dict.fromkeys(name for own in members if without not in own for name in own))


def _own(schema: Schema) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    return properties


def _below(schema: Schema, step: Step, root: Schema) -> Iterator[Schema]:
    for one in _members(schema, root):
        if isinstance(step, int):
            yield from (inner for inner in [one.get("items")] if isinstance(inner, dict))
        elif step in _own(one):
            yield _own(one)[step]
        else:
            others = [one.get("additionalProperties"), *one.get("patternProperties", {}).values()]
            yield from (inner for inner in others if isinstance(inner, dict))


def _members(schema: Schema, root: Schema) -> Iterator[Schema]:
    """The schema with references resolved, or the members of a union."""
    if reference := schema.get("$ref"):
        yield from _members(root["$defs"][reference.rpartition("/")[2]], root)
    elif union := [one for word in ("anyOf", "oneOf", "allOf") for one in schema.get(word, [])]:
        for one in union:
            yield from _members(one, root)
    else:
        yield schema

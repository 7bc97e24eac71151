"""The entry of a source in its domain's `sources.yml`: added without touching the other lines."""

from pathlib import Path
from typing import Any

import yaml

from lakehouse.lake import CATALOG
from lakehouse.lake.layout import RAW
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.proposal import File
from lakehouse.scaffolding.yaml_text import one_line, prose


def add_to_sources(path: Path, name: str, description: str) -> File:
    """The file with an entry for the table `raw.<name>`.

    Raises:
        ScaffoldingError: when the file is not valid, has the entry, or has no place for it.
    """
    if not path.exists():
        return File(path, _new(name, description))
    before = path.read_text(encoding="utf-8")
    by_hand = f"add `- name: {name}` to the tables of the source {RAW} in {path} by hand"
    try:
        node = yaml.compose(before, yaml.SafeLoader)
        values = yaml.safe_load(before)
    except yaml.YAMLError as error:
        raise ScaffoldingError(f"{path} is not valid YAML ({error}); correct it first") from None
    if values is None:
        return File(path, before + _new(name, description), before)
    if any(table.get("name") == name for table in _tables(values)):
        raise ScaffoldingError(f"{path} has a table {name} already; remove it, or rename one")
    tables = _tables_node(node)
    if tables is None or tables.flow_style or not tables.value:
        text = before.rstrip("\n") + "\n" + "\n".join(_source(name, description)) + "\n"
        added = tables is None and _top_is_block(node)
    else:
        last = tables.value[-1]
        indent = " " * (last.start_mark.column - 2)
        entry = "".join(f"{indent}{line}\n" for line in _entry(name, description))
        lines = before.splitlines(keepends=True)
        if not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        place = _end(last, lines)
        text, added = "".join([*lines[:place], entry, *lines[place:]]), True
    try:
        after = yaml.safe_load(text) if added else None
    except yaml.YAMLError:
        after = None
    expected = sorted([*(str(table.get("name")) for table in _tables(values)), name])
    if not added or sorted(str(table.get("name")) for table in _tables(after)) != expected:
        raise ScaffoldingError(f"{path} has no place for another table; {by_hand}")
    return File(path, text, before)


def _new(name: str, description: str) -> str:
    return "\n".join(["version: 2", "sources:", *_source(name, description)]) + "\n"


def _source(name: str, description: str) -> list[str]:
    return [
        f"  - name: {RAW}",
        f"    database: {CATALOG}",
        f"    schema: {RAW}",
        "    tables:",
        *(f"      {line}" for line in _entry(name, description)),
    ]


def _entry(name: str, description: str) -> list[str]:
    return [f"- name: {name}", f"  description: {one_line(prose(description))}"]


def _tables(values: Any) -> list[dict[str, Any]]:
    """The tables of the source `raw` in a file's values."""
    sources = values.get("sources") if isinstance(values, dict) else None
    return [
        table
        for source in sources or []
        if isinstance(source, dict) and source.get("name") == RAW
        for table in source.get("tables") or []
    ]


def _tables_node(node: Any) -> Any:
    """The node of those tables; None if there is no such source."""
    for source in _value(node, "sources").value if _value(node, "sources") else []:
        named = _value(source, "name")
        if named is not None and named.value == RAW:
            found = _value(source, "tables")
            return found if isinstance(found, yaml.SequenceNode) else None
    return None


def _value(node: Any, key: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _top_is_block(node: Any) -> bool:
    """Whether `sources` is the file's last key, so that a source can be added at the end."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        return False
    name, value = node.value[-1]
    return name.value == "sources" and isinstance(value, yaml.SequenceNode) and not value.flow_style


def _end(node: Any, lines: list[str]) -> int:
    """The number of lines up to the node's end, without empty lines and comments after it.

    A block ends, for the parser, where the next one begins; so the last text in it counts.
    """
    start = int(node.start_mark.line)
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    line = int(node.end_mark.line) + int(node.end_mark.column > 0)
    while line > start + 1 and _is_blank(lines[line - 1]):
        line -= 1
    return line


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")

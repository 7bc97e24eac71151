"""A YAML file and the lines of its fields, so that every error names its location."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lakehouse.errors import LakehouseError

Step = str | int
"""A key of a mapping, or an index in a list."""

_REMEDIES = {
    "cannot start any token": "indent with spaces, and quote text that starts like this",
    "mapping values are not allowed": "quote text with a colon, or correct the indentation",
    "expected <block end>": "indent this line like its neighbours, or close the quote before it",
    "expected ',' or": "a comma or the closing bracket is missing",
    "expected the node content": "a value or the closing bracket is missing",
    "could not find expected ':'": "write `name: value`",
    "unexpected end of stream": "the closing quote is missing",
    "could not determine a constructor": "write the plain value, without a tag",
    "unhashable key": "quote text in braces",
    "undefined alias": "quote text that starts with *",
    "another document": "write one component per file",
}
"""Parts of PyYAML's messages, and the advice for each."""


class SpecError(LakehouseError):
    """An invalid declaration: one line for each error, with file and line."""


@dataclass(frozen=True)
class Document:
    """The content of a file, and its nodes with their lines."""

    file: Path
    values: Any
    node: yaml.Node | None

    def sentence(self, message: str, *path: Step) -> str:
        """`message` on one line, prefixed with the file, the line and the field at `path`."""
        return _sentence(self.file, self.line(path), path, message)

    def line(self, path: Sequence[Step]) -> int:
        """The line of the field at `path`, or of its innermost existing parent."""
        node, line = self.node, 1
        for step in path:
            found = _step(node, step)
            if found is None:
                break
            key, node = found
            line = _line(key)
        return line

    def find(self, names: Collection[str]) -> tuple[Step, ...]:
        """The path of the first value within an attribute that is one of `names`.

        The path of all attributes if there is no such value.
        """
        paths = (path for path, value in _scalars(self.values) if value in names)
        inner = (path for path in paths if path[0] == "attributes" and len(path) > 2)
        return next(inner, ("attributes",))


class _Loader(yaml.SafeLoader):
    """Reports the line of values that look like a number or a date but are invalid."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(
                problem=f"{node.value!r} is not a valid value: {error}",
                problem_mark=node.start_mark,
            ) from error


def read_yaml(file: Path) -> Document:
    """Read the only document of a file.

    Raises:
        SpecError: when the file cannot be read, is not valid YAML, or repeats a key.
    """
    try:
        loader = _Loader(file.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        values = None if node is None else loader.construct_document(node)
        duplicates = [
            _sentence(file, again, path, f"is given twice, first in line {first}; keep one")
            for path, first, again in _duplicate_keys(node)
        ]
    except OSError as error:
        raise SpecError(f"cannot read {file}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        raise SpecError(_syntax_error(file, error)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(_sentence(file, 1, (), f"this is not UTF-8 text: {error}")) from None
    except RecursionError:
        raise SpecError(
            _sentence(file, 1, (), "this is nested too deeply, or contains itself")
        ) from None
    if duplicates:
        raise SpecError("\n".join(duplicates))
    return Document(file, values, node)


def _sentence(file: Path, line: int, path: Sequence[Step], message: str) -> str:
    below = path[1:] if len(path) > 1 and path[0] == "attributes" else path
    field = f"{'.'.join(map(str, below))}: " if below else ""
    return " ".join(f"{file}, line {line}: {field}{message}".split())


def _syntax_error(file: Path, error: yaml.MarkedYAMLError) -> str:
    """Locate unclosed constructs at their start, anything else where parsing stopped."""
    problem, context = error.problem or "", error.context or ""
    opened = "flow" in context or "quoted" in context
    mark = (error.context_mark if opened else None) or error.problem_mark
    remedy = next((text for part, text in _REMEDIES.items() if part in problem), "correct it")
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    where = f"{file}, line {line}, column {column}"
    return f"{where}: this is not valid YAML ({problem}{', ' * bool(context)}{context}): {remedy}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _step(node: yaml.Node | None, step: Step) -> tuple[yaml.Node, yaml.Node] | None:
    """The first node of a field (its key, or the item itself) and its value."""
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in reversed(node.value) if _is_key(pair[0], step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _is_key(key: yaml.Node, step: Step) -> bool:
    """Whether `key` is `step`, which is a number or a boolean where YAML parses the key as one."""
    if isinstance(step, str):
        return bool(key.value == step)
    return isinstance(key, yaml.ScalarNode) and bool(yaml.safe_load(key.value) == step)


def _duplicate_keys(
    node: yaml.Node | None, path: tuple[Step, ...] = ()
) -> Iterator[tuple[tuple[Step, ...], int, int]]:
    """Each repeated key with both lines: YAML silently keeps the last value."""
    if isinstance(node, yaml.MappingNode):
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            name = (str(key.tag), str(key.value))
            inner = (*path, name[1])
            if name in lines and key.tag != "tag:yaml.org,2002:merge":
                yield inner, lines[name], _line(key)
            lines[name] = _line(key)
            yield from _duplicate_keys(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _duplicate_keys(item, (*path, number))


def _scalars(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Any]]:
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _scalars(inner, (*path, step))
    else:
        yield path, value

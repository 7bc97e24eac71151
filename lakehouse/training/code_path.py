"""The definitions that functions depend on, followed by name through the package's sources.

A definition is a function, a class or an assignment at the top of a module. Starting from the given
functions, every name in a body is followed to its definition, through imports and re-exports, in
any file. Of a class, only special methods and members whose name occurs on the path count. So
moving or splitting a file, or rewording a comment or a docstring, has no effect. Names that are
looked up by text (`getattr`) are not found.
"""

import ast
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

Read = Callable[[str], str | None]
"""The source of a module, by its dotted name; None if the module does not exist."""

IGNORED_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_params", "type_ignores"})
"""Syntax tree fields that have no effect, or that only some Python releases have."""

ACCESSORS = frozenset({"property", "cached_property", "classmethod", "staticmethod", "overload"})
"""Decorators that do not call the method themselves; any other one (a validator, say) may."""


@dataclass(frozen=True)
class Definition:
    """A top-level name of a module; the empty name stands for the code that runs on import."""

    module: str
    name: str


@dataclass(frozen=True)
class Module:
    """The statements of a module by the names they bind, and the origin of each imported name."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, Definition] = field(default_factory=dict)


def reader_of(folder: Path) -> Read:
    """A reader for the modules of the package in `folder`: `lakehouse.lake` is `folder/lake`."""

    def read(module: str) -> str | None:
        base = folder.joinpath(*module.split(".")[1:])
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                return path.read_text()
        return None

    return read


def definitions_behind(
    functions: Iterable[str], read: Read, outside: Collection[str] = ()
) -> dict[Definition, str]:
    """Each definition that these functions (`package.module:name`) depend on, with its SHA-256.

    `outside` lists packages, by dotted name, whose definitions are not followed.

    Raises:
        LookupError: when a function does not exist.
    """

    @cache
    def module(name: str) -> Module:
        package, _, member = name.rpartition(".")
        if package and member in module(package).definitions:
            return Module()  # for example a class of that module
        return _parse(read(name) or "")

    def resolve(reference: Definition, depth: int = 9) -> Definition | None:
        known = module(reference.module)
        if reference.name in known.definitions:
            return reference
        origin = known.imports.get(reference.name)
        return resolve(origin, depth - 1) if origin and depth else None

    def find_reference(part: ast.AST, where: str) -> Definition | None:
        if isinstance(part, ast.Name):
            return resolve(Definition(where, part.id))
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            origin = module(where).imports.get(part.value.id)
            if origin:
                return resolve(Definition(f"{origin.module}.{origin.name}", part.attr))
        return None

    found: set[Definition] = set()
    members: set[str] = set()
    unread: list[tuple[ast.AST, str]] = []
    unused: dict[str, list[tuple[ast.AST, str]]] = {}  # members of classes, until the name occurs

    def add(definition: Definition) -> None:
        if definition not in found:
            found.add(definition)
            statements = module(definition.module).definitions[definition.name]
            unread.extend((statement, definition.module) for statement in statements)

    for function in functions:
        start = resolve(Definition(*function.split(":")))
        if start is None:
            raise LookupError(f"{function}: there is no such function")
        add(start)
    while unread:
        part, where = unread.pop()
        for name in _member_names(part):
            members.add(name)
            unread += unused.pop(name, ())
        target = find_reference(part, where)
        if target and not any(_within(target.module, each) for each in outside):
            add(target)
            if "" in module(target.module).definitions:
                add(Definition(target.module, ""))
        for _, child in _children(part):
            if isinstance(child, ast.AST):
                unless = _needed_by(part, child)
                waits = unless is not None and unless not in members
                (unused.setdefault(unless or "", []) if waits else unread).append((child, where))
    return {each: _digest(module(each.module).definitions[each.name], members) for each in found}


def hash_of(digests: Iterable[str]) -> str:
    """One SHA-256 for all digests, in any order."""
    return hashlib.sha256("\n".join(sorted(set(digests))).encode()).hexdigest()


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _parse(source: str) -> Module:
    module = Module()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                module.imports[alias.asname or alias.name] = Definition(node.module, alias.name)
    for statement in tree.body:
        if _has_no_effect(statement):
            continue
        for name in list(_bound_names(statement)) or [""]:
            module.definitions.setdefault(name, []).append(statement)
    return module


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _has_no_effect(node: ast.AST) -> bool:
    """Whether the node is an import, a bare string, or code for type checkers only."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST | object]]:
    """The relevant fields of a node."""
    for name, value in ast.iter_fields(node):
        if name in IGNORED_FIELDS:
            continue
        for each in value if isinstance(value, list) else [value]:
            if not _has_no_effect(each):
                yield name, each


def _needed_by(node: ast.AST, child: object) -> str | None:
    """The name that has to occur on the path for this member of a class to count; None: always."""
    if not isinstance(node, ast.ClassDef):
        return None
    match child:
        case ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.FunctionDef(name=name, decorator_list=decorators):
            known = {each.id for each in decorators if isinstance(each, ast.Name)}
            called_by_others = len(decorators) > len(known & ACCESSORS)
            return None if name.startswith("__") or called_by_others else name
    return None


def _member_names(part: ast.AST) -> Iterator[str]:
    match part:
        case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
            yield name
        case ast.MatchClass(kwd_attrs=names):
            yield from names


def _digest(statements: Iterable[ast.stmt], members: Collection[str]) -> str:
    def render(node: object) -> str:
        if not isinstance(node, ast.AST):
            return repr(node)
        inner = ",".join(
            f"{name}={render(child)}"
            for name, child in _children(node)
            if (unless := _needed_by(node, child)) is None or unless in members
        )
        return f"{type(node).__name__}({inner})"

    text = "\n".join(map(render, statements))
    return hashlib.sha256(text.encode()).hexdigest()

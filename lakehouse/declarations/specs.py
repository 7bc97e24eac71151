"""Find the declarations under `defs/` without Dagster: for sensors, commands and the API."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lakehouse.declarations.declaration import Declaration
from lakehouse.declarations.document import Document, SpecError, read_yaml
from lakehouse.declarations.names import did_you_mean
from lakehouse.declarations.yaml_file import parse_attributes

FILE_NAME = "defs.yaml"
"""The only file name that Dagster loads; it silently ignores any other."""

COMPONENTS = "lakehouse.orchestration.components"
"""The package of our components, as written in `type`."""

KINDS = ("Source", "FeatureSet", "PredictiveModel")
"""Our components."""

SECTIONS = ("type", "attributes", "template_vars_module", "requirements", "post_processing")
"""The top-level keys that Dagster accepts."""

Spec = TypeVar("Spec", bound=Declaration)


@dataclass(frozen=True)
class Problem:
    """What keeps a file from being loaded: a line for each mistake, with file, line and field."""

    file: Path
    message: str


@dataclass(frozen=True)
class Declarations:
    """All declarations of a folder, sorted by path: those that are valid, and the others' problems.

    `others` are the files that only Dagster can build: components that are not ours, and ours with
    a section besides `type` and `attributes`.
    """

    specs: tuple[Declaration, ...] = ()
    others: tuple[Path, ...] = ()
    problems: tuple[Problem, ...] = ()

    def of(self, model: type[Spec]) -> list[Spec]:
        """The valid specs of one kind."""
        return [spec for spec in self.specs if isinstance(spec, model)]

    def named(self, model: type[Spec], name: str) -> Spec | None:
        """The valid spec of one kind and name; None if no file declares it.

        Raises:
            SpecError: when there is none and a file is not valid: it may be that one.
        """
        spec = next((spec for spec in self.of(model) if spec.name == name), None)
        if spec is None:
            self.require_valid()
        return spec

    def without(self, problems: Iterable[Problem]) -> "Declarations":
        """These without the files of further problems."""
        every = (*self.problems, *problems)
        broken = {problem.file for problem in every}
        return Declarations(
            tuple(spec for spec in self.specs if spec.place.file not in broken),
            tuple(file for file in self.others if file not in broken),
            every,
        )

    def require_valid(self) -> None:
        """Raise `SpecError` with all problems, if there are any."""
        if self.problems:
            raise SpecError("\n".join(problem.message for problem in self.problems))


def find_specs(component: str, model: type[Spec], folder: Path) -> list[Spec]:
    """The specs of all components of that class name, sorted by path.

    Raises:
        SpecError: one line for each mistake in any of them, with file, line and field.
    """
    found = read_declarations({component: model}, folder)
    found.require_valid()
    return found.of(model)


def read_declarations(
    models: Mapping[str, type[Declaration]],
    folder: Path,
    check_other: Callable[[Document], None] = lambda document: None,
) -> Declarations:
    """The specs of several components, by class name; each file is read independently.

    Other components must be YAML with a type, and pass `check_other`.
    """
    specs: list[Declaration] = []
    others: list[Path] = []
    problems: list[Problem] = []
    for path in sorted(folder.rglob(FILE_NAME)):
        try:
            document = read_yaml(path)
            if (kind := component_type(document)) in models:
                specs.append(parse_attributes(document, models[kind]))
                if {*document.values} - {"type", "attributes"}:
                    others.append(path)
            else:
                check_other(document)
                others.append(path)
        except SpecError as error:
            problems.append(Problem(path, str(error)))
    found = Declarations(tuple(specs), tuple(others), tuple(problems))
    return found.without(_duplicate_names(specs))


def component_type(document: Document) -> str:
    """The class name in a document's `type`.

    Raises:
        SpecError: when the type is missing or is an unknown component of ours, or when a section is
            unknown.
    """
    if mistakes := list(_outer_mistakes(document)):
        raise SpecError("\n".join(mistakes))
    return str(document.values["type"]).rpartition(".")[2]


def _outer_mistakes(document: Document) -> Iterator[str]:
    values = document.values
    if not isinstance(values, dict) or not isinstance(values.get("type"), str):
        yield document.sentence(
            f"this declares no component; it needs a `type`, such as {COMPONENTS}.{KINDS[0]}",
            *(["type"] if isinstance(values, dict) and "type" in values else []),
        )
        return
    for section in values:
        if section not in SECTIONS:
            hint = did_you_mean(str(section), SECTIONS)
            yield document.sentence(f"this is not a section of a component{hint}", section)
    ours = [f"{COMPONENTS}.{kind}" for kind in KINDS]
    name = values["type"]
    if name not in ours and (name.startswith("lakehouse.") or "." not in name):
        near = [full for full in ours if full.endswith(f".{name.rpartition('.')[2]}")]
        hint = f"; write {near[0]}" if near else did_you_mean(name, ours)
        yield document.sentence(f"there is no component {name}{hint}", "type")


def _duplicate_names(specs: Iterable[Declaration]) -> Iterator[Problem]:
    """Two declarations of the same kind and name would share one table: the second is refused."""
    first: dict[tuple[type[Declaration], str], Declaration] = {}
    for spec in specs:
        other = first.setdefault((type(spec), spec.name), spec)
        if other is not spec and spec.place.file:
            sentence = spec.place.sentence(
                f"{spec.name} is already declared in {other.place.file}; names are unique across "
                "all domains, so rename one of them",
                "name",
            )
            yield Problem(spec.place.file, sentence)

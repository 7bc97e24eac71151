"""Which dbt models are built together: one step for each domain and stage.

Two stages, so that a broken report never stops scoring; steps of their own for each domain, so that
a broken model of one domain stops nothing of another. Only dbt's manifest, no Dagster.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.lake.layout import CORE, RAW, REPORTING, STAGING

STAGES = {CORE: (STAGING, CORE), REPORTING: (REPORTING,)}
"""The layers that each stage builds: what features read, then what people read."""


@dataclass(frozen=True)
class Step:
    """The models of one domain (empty outside of folders) and stage, by dbt's unique ids."""

    domain: str
    stage: str
    models: tuple[str, ...]

    @property
    def name(self) -> str:
        """`dbt_<domain>_<stage>`."""
        return "_".join(part for part in ("dbt", self.domain, self.stage) if part)


@dataclass(frozen=True)
class Inputs:
    """What models read that is not among them.

    `sources` of raw, incremental `tables` (`schema.name`), and `others` that are neither.
    """

    sources: tuple[str, ...]
    tables: tuple[str, ...]
    others: tuple[str, ...]


def domain_of(node: Mapping[str, Any]) -> str:
    """The domain of a model: `models/<domain>/<layer>/<name>.sql`; empty if it is not in one."""
    folders = node["fqn"][1:-1]
    return str(folders[0]) if len(folders) > 1 else ""


def find_steps(manifest: Mapping[str, Any]) -> list[Step]:
    """The steps that have models, by domain. A model of `find_misplaced` is in none."""
    models = _models_of(manifest)
    found = [
        Step(
            domain,
            stage,
            tuple(i for i, n in models.items() if domain_of(n) == domain and n["schema"] in layers),
        )
        for domain in sorted({domain_of(node) for node in models.values()})
        for stage, layers in STAGES.items()
    ]
    return [step for step in found if step.models]


def find_misplaced(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Models in a folder that is no layer: the file, in the dbt project, and a sentence."""
    built = [layer for layers in STAGES.values() for layer in layers]
    for node in _models_of(manifest).values():
        if node["schema"] not in built:
            file = node["original_file_path"]
            sentence = (
                f"{file}: its layer is {node['schema']}, and dbt builds {', '.join(built)}; "
                "move it to models/<domain>/<layer>/"
            )
            yield file, sentence


def _models_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {i: n for i, n in manifest["nodes"].items() if n["resource_type"] == "model"}


def inputs_of(models: Collection[str], manifest: Mapping[str, Any]) -> Inputs:
    """The inputs of `models` (dbt's unique ids), looking through views that are not among them."""
    sources, tables, others = set[str](), set[str](), set[str]()

    def visit(parents: Iterable[str]) -> None:
        for parent in parents:
            if parent in models:
                continue
            if parent in manifest["sources"]:
                source = manifest["sources"][parent]
                if source["schema"] == RAW:
                    sources.add(source["identifier"])
                else:
                    others.add(f"{source['schema']}.{source['identifier']}")
                continue
            node = manifest["nodes"][parent]
            if node["config"]["materialized"] == "incremental":
                tables.add(f"{node['schema']}.{node['alias']}")
            elif node["config"]["materialized"] == "view":
                visit(node["depends_on"]["nodes"])
            else:
                others.add(f"{node['schema']}.{node['alias']}")

    for model in models:
        visit(manifest["nodes"][model]["depends_on"]["nodes"])
    return Inputs(tuple(sorted(sources)), tuple(sorted(tables)), tuple(sorted(others)))

"""All definitions for given settings: `definitions.py` loads them and tests build them.

A mistake in one file keeps that file out, and the declarations that read its tables, and nothing
else.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from lakehouse.declarations.document import SpecError
from lakehouse.declarations.specs import Declarations, Problem, read_declarations
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.lake.layout import FEATURES, MONITORING, PREDICTIONS, RAW, TRAINING
from lakehouse.models.spec import ModelSpec
from lakehouse.orchestration.components import FeatureSet, PredictiveModel, Source
from lakehouse.orchestration.components.files import build_components
from lakehouse.orchestration.components.others import check_component
from lakehouse.orchestration.dbt.assets import build_dbt_assets, build_dbt_assets_of
from lakehouse.orchestration.dbt.domains import find_valid_project
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.dbt.steps import find_misplaced
from lakehouse.orchestration.jobs import build_jobs
from lakehouse.orchestration.problems import build_problems
from lakehouse.orchestration.references import (
    find_unfit_features,
    find_unfit_labels,
    find_unknown_inputs,
)
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.sensors import (
    build_automation_sensor,
    build_failure_sensor,
    build_source_sensor,
)
from lakehouse.project import Project
from lakehouse.settings import Settings
from lakehouse.sources import SourceSpec

_log = logging.getLogger(__name__)
LAYERS_OF = {
    "sources": ("landing", RAW),
    "feature_sets": (FEATURES,),
    "models": (TRAINING, "models", PREDICTIONS, MONITORING),
}
"""The layers of the assets that a declaration makes, by the folder of its kind."""


@dataclass(frozen=True)
class Specs:
    """Declarations as plain specs."""

    sources: Sequence[SourceSpec]
    feature_sets: Sequence[FeatureSetSpec]
    models: Sequence[ModelSpec]


@dataclass(frozen=True)
class Loaded:
    """The definitions of a project, and what is wrong with the files that they leave out."""

    definitions: dg.Definitions
    problems: Sequence[Problem]


def read_specs(project: Project, domain: str = "") -> Specs:
    """The specs in the project's `defs/`, of one domain or of all.

    Raises:
        SpecError: with all mistakes of all their files.
    """
    found = _read(project.defs_dir / domain)
    found.require_valid()
    return _specs_of(found)


def build_definitions(settings: Settings) -> dg.Definitions:
    """Build components, dbt models, jobs, schedules, sensors and resources of the project.

    What is left out, as `load` describes, is logged.
    """
    loaded = load(settings)
    for problem in loaded.problems:
        _log.error("left out: %s", problem.message)
    return loaded.definitions


def load(settings: Settings) -> Loaded:
    """Load the project: a file with a mistake is left out, and so is what reads what it would make.

    Each is a failing check of the asset `project/declarations`.
    """
    project = settings.project
    files, broken = find_valid_project(settings)
    dbt = build_dbt_assets(files) if files else []
    contracts = files.contracts if files else {}
    loaded = _read(project.defs_dir).without(broken)
    while True:
        components, found = build_components(project, loaded)
        specs = _specs_of(loaded)
        built = _merge(components, dbt, specs)
        found += _mistakes(built, specs, contracts, settings, loaded.problems)
        new = [problem for problem in found if problem not in loaded.problems]
        if not new:
            break
        loaded = loaded.without(new)
    complete = dg.Definitions.merge(built, build_problems(project, loaded.problems))
    return Loaded(complete, loaded.problems)


def build_from_specs(
    settings: Settings, specs: Specs, variables: Mapping[str, object] | None = None
) -> dg.Definitions:
    """Build the graph of these declarations, with other variables of dbt.

    Only domains of dbt models whose sources are all among them are part of it.

    Raises:
        SpecError: when one of them does not fit the others.
    """
    components = dg.Definitions.merge(
        *(Source(spec).definitions() for spec in specs.sources),
        *(FeatureSet(spec).definitions() for spec in specs.feature_sets),
        *(PredictiveModel(spec).definitions() for spec in specs.models),
    )
    files = DbtProjectFiles(settings, dict(variables or {}))
    dbt = build_dbt_assets_of(files, [spec.name for spec in specs.sources])
    built = _merge(components, dbt, specs)
    found = [problem.message for problem in _mistakes(built, specs, files.contracts, settings, ())]
    found += [sentence for _, sentence in find_misplaced(files.manifest)]
    if found:
        raise SpecError("\n".join(found))
    return built


def _read(folder: Path) -> Declarations:
    kinds = {kind.__name__: kind.spec_class for kind in (Source, FeatureSet, PredictiveModel)}
    return read_declarations(kinds, folder, check_other=check_component)


def _specs_of(declared: Declarations) -> Specs:
    return Specs(
        sources=declared.of(SourceSpec),
        feature_sets=declared.of(FeatureSetSpec),
        models=declared.of(ModelSpec),
    )


def _merge(
    components: dg.Definitions, dbt: Sequence[dg.AssetsDefinition], specs: Specs
) -> dg.Definitions:
    own = dg.Definitions(
        assets=dbt,
        sensors=[
            build_source_sensor(specs.sources),
            build_failure_sensor(),
            build_automation_sensor(),
        ],
        resources={
            "lake": LakeResource(),
            "refresh": Refresh(),
            "clock": Clock(),
        },
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(components, own, build_jobs())


def _mistakes(
    built: dg.Definitions,
    specs: Specs,
    contracts: Mapping[str, Mapping[str, str]],
    settings: Settings,
    known: Sequence[Problem],
) -> list[Problem]:
    """What does not fit between files; `known` problems have left files out."""
    left_out = {
        f"{layer}/{problem.file.parent.name}": problem.file
        for problem in known
        for layer in LAYERS_OF.get(problem.file.parent.parent.name, ())
    }
    fallback = settings.dbt_dir / "dbt_project.yml"
    reading: list[FeatureSetSpec | ModelSpec] = [*specs.feature_sets, *specs.models]
    return [
        *find_unfit_features(specs.feature_sets, specs.models, fallback),
        *find_unfit_labels(specs.models, contracts, fallback),
        *find_unknown_inputs(built, reading, fallback, left_out),
    ]

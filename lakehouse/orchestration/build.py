"""The whole set of definitions, of any settings: what `definitions.py` loads and tests build."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from lakehouse.errors import LakehouseError
from lakehouse.features import view_name
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.models.inputs import refuse_taken
from lakehouse.models.spec import ModelSpec
from lakehouse.orchestration.components import FeatureSet, PredictiveModel, Source
from lakehouse.orchestration.dbt.assets import build_dbt_assets
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.jobs import build_jobs
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.runs.one_run import one_run
from lakehouse.orchestration.sensors import (
    build_automation_sensor,
    build_failure_sensor,
    build_source_sensor,
)
from lakehouse.settings import PROJECT_ROOT, Settings
from lakehouse.sources import SourceSpec
from lakehouse.specs import find_specs


class UnknownInput(LakehouseError):
    """An asset that reads what no asset makes."""


@dataclass(frozen=True)
class Specs:
    """Everything that is declared, as plain specs."""

    sources: Sequence[SourceSpec]
    feature_sets: Sequence[FeatureSetSpec]
    models: Sequence[ModelSpec]


def read_specs() -> Specs:
    """The specs of the project's `defs/`."""
    return Specs(
        sources=find_specs("Source", SourceSpec),
        feature_sets=find_specs("FeatureSet", FeatureSetSpec),
        models=find_specs("PredictiveModel", ModelSpec),
    )


def build_definitions(
    settings: Settings, specs: Specs | None = None, variables: Mapping[str, object] | None = None
) -> dg.Definitions:
    """Components, dbt models, jobs, schedules, sensors and resources.

    `specs` stand in for what `defs/` declares, and `variables` for those of the dbt project: a
    test or a benchmark runs the same graph on other input with them.
    """
    files = DbtProjectFiles(settings, dict(variables or {}))
    declared = specs or read_specs()
    sources = declared.sources
    _refuse_taken_names(declared)
    own = dg.Definitions(
        assets=build_dbt_assets(files),
        sensors=[
            build_source_sensor(sources),
            build_failure_sensor(),
            build_automation_sensor(),
        ],
        resources={
            "lake": LakeResource(),
            "refresh": Refresh(),
            "clock": Clock(),
        },
        executor=one_run(settings.parallel_steps, settings.data_dir),
    )
    merged = dg.Definitions.merge(_components(specs), own, build_jobs())
    _refuse_unknown_inputs(merged)
    return merged


def _refuse_taken_names(specs: Specs) -> None:
    """Features that have the name of an entity of a model which reads them."""
    features = {
        view_name(of, spine.name).removeprefix("features."): [
            name for feature in of.features for name, _ in of.outputs(feature)
        ]
        for of in specs.feature_sets
        for spine in of.spines
    }
    for model in specs.models:
        refuse_taken(model, features)


def _refuse_unknown_inputs(definitions: dg.Definitions) -> None:
    """Dagster takes an input that nothing makes for one from outside, and a typo passes."""
    graph = definitions.resolve_asset_graph()
    for key in sorted(graph.get_all_asset_keys() - graph.materializable_asset_keys):
        readers = ", ".join(sorted(child.to_user_string() for child in graph.get(key).child_keys))
        near = difflib.get_close_matches(
            key.to_user_string(), [k.to_user_string() for k in graph.materializable_asset_keys], n=1
        )
        hint = f"did you mean {near[0]}?" if near else "declare it, or correct the name"
        raise UnknownInput(f"{readers} reads {key.to_user_string()}, which no asset makes; {hint}")


def _components(specs: Specs | None) -> dg.Definitions:
    if specs is None:
        return dg.load_from_defs_folder(path_within_project=PROJECT_ROOT)
    return dg.Definitions.merge(
        *(Source(spec).definitions() for spec in specs.sources),
        *(FeatureSet(spec).definitions() for spec in specs.feature_sets),
        *(PredictiveModel(spec).definitions() for spec in specs.models),
    )

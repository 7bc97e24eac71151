"""All definitions for given settings: `definitions.py` loads them and tests build them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from lakehouse.declarations.specs import read_declarations
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.models.spec import ModelSpec
from lakehouse.orchestration.components import FeatureSet, PredictiveModel, Source
from lakehouse.orchestration.components.others import check_component
from lakehouse.orchestration.dbt.assets import build_dbt_assets
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.jobs import build_jobs
from lakehouse.orchestration.references import (
    refuse_unfit_features,
    refuse_unfit_labels,
    refuse_unknown_inputs,
)
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.sensors import (
    build_automation_sensor,
    build_failure_sensor,
    build_source_sensor,
)
from lakehouse.settings import PROJECT_ROOT, Settings
from lakehouse.sources import SourceSpec


@dataclass(frozen=True)
class Specs:
    """All declarations of the project, as plain specs."""

    sources: Sequence[SourceSpec]
    feature_sets: Sequence[FeatureSetSpec]
    models: Sequence[ModelSpec]


def read_specs() -> Specs:
    """The specs in the project's `defs/`. Raises `SpecError` with all mistakes of all files."""
    kinds = (Source, FeatureSet, PredictiveModel)
    models = {kind.__name__: kind.spec_class for kind in kinds}
    found = read_declarations(models, check_other=check_component)
    return Specs(
        sources=[spec for spec in found if isinstance(spec, SourceSpec)],
        feature_sets=[spec for spec in found if isinstance(spec, FeatureSetSpec)],
        models=[spec for spec in found if isinstance(spec, ModelSpec)],
    )


def build_definitions(
    settings: Settings, specs: Specs | None = None, variables: Mapping[str, object] | None = None
) -> dg.Definitions:
    """Build components, dbt models, jobs, schedules, sensors and resources.

    `specs` replaces what `defs/` declares, and `variables` the dbt project's variables: a test or a
    benchmark runs the same graph on other input with them.
    """
    files = DbtProjectFiles(settings, dict(variables or {}))
    declared = specs or read_specs()
    sources = declared.sources
    refuse_unfit_features(declared.feature_sets, declared.models)
    refuse_unfit_labels(declared.models, files.contracts)
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
        executor=dg.in_process_executor,
    )
    merged = dg.Definitions.merge(_components(specs), own, build_jobs())
    refuse_unknown_inputs(merged, [*declared.feature_sets, *declared.models])
    return merged


def _components(specs: Specs | None) -> dg.Definitions:
    if specs is None:
        return dg.load_from_defs_folder(path_within_project=PROJECT_ROOT)
    return dg.Definitions.merge(
        *(Source(spec).definitions() for spec in specs.sources),
        *(FeatureSet(spec).definitions() for spec in specs.feature_sets),
        *(PredictiveModel(spec).definitions() for spec in specs.models),
    )

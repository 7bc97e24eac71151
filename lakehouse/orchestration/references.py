"""References between declarations: unknown names are refused before anything runs."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import dagster as dg

from lakehouse.declarations.names import did_you_mean
from lakehouse.declarations.specs import Problem
from lakehouse.features import view_name
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.models import TrainingError
from lakehouse.models.inputs import refuse_name_clashes
from lakehouse.models.spec import Forward, ModelSpec, Settled
from lakehouse.models.tasks.label_kinds import SUMMABLE, label_kind


def find_unknown_inputs(
    definitions: dg.Definitions,
    specs: Sequence[FeatureSetSpec | ModelSpec],
    fallback: Path,
    left_out: Mapping[str, Path],
) -> Iterator[Problem]:
    """Inputs that no asset makes; Dagster treats them as external and misses typos.

    One problem for each such input and each of `specs` that reads it, in the spec's file; for an
    input that only other assets read, in the file `fallback`. What a file in `left_out`, by
    asset, would make is not a problem of those others: their tables may exist.
    """
    graph = definitions.resolve_asset_graph()
    made = sorted(key.to_user_string() for key in graph.materializable_asset_keys)
    for key in sorted(graph.get_all_asset_keys() - graph.materializable_asset_keys):
        readers = ", ".join(sorted(child.to_user_string() for child in graph.get(key).child_keys))
        near = difflib.get_close_matches(key.to_user_string(), made, n=1)
        hint = f"did you mean {near[0]}?" if near else "declare it, or correct the name"
        broken = left_out.get(f"{key.path[0]}/{key.path[-1].partition('__')[0]}")
        if broken:
            hint = f"correct {broken} first"
        message = f"{readers} reads {key.to_user_string()}, which no asset produces; {hint}"
        table = ".".join(key.path)
        names = (table, table.removeprefix("features."))
        reading = [spec for spec in specs if table in spec.upstream_tables]
        for spec in reading:
            yield Problem(spec.place.file or fallback, spec.place.sentence_about(names, message))
        if not reading and not broken:
            yield Problem(fallback, message)


def find_unfit_features(
    feature_sets: Iterable[FeatureSetSpec], models: Iterable[ModelSpec], fallback: Path
) -> Iterator[Problem]:
    """Model features that no set has, that two sets have, or that are named like an entity."""
    features = {
        view_name(of, spine.name).name: [
            name for feature in of.features for name, _ in of.outputs(feature)
        ]
        for of in feature_sets
        for spine in of.spines
    }
    for model in models:
        if mistakes := [*_unfit(model, features)]:
            yield Problem(model.place.file or fallback, "\n".join(mistakes))


def find_unfit_labels(
    models: Iterable[ModelSpec], contracts: Mapping[str, Mapping[str, str]], fallback: Path
) -> Iterator[Problem]:
    """Label columns whose declared type is not valid for the task, or that do not exist.

    `contracts` are declared columns and their SQL types by table, such as dbt's; a table that
    declares no columns is checked when the model is trained.
    """
    for model in models:
        if mistakes := [*_unfit_label(model, contracts)]:
            yield Problem(model.place.file or fallback, "\n".join(mistakes))


def _unfit_label(model: ModelSpec, contracts: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    label, table = model.label, model.label_table
    columns = contracts.get(table, {})
    fields = {"column": label.column} if isinstance(label, Settled) else {"value": label.value}
    if isinstance(label, Forward):
        fields["entity"] = label.stream_entity
    for field, column in fields.items() if columns else ():
        problem = ""
        if column and column not in columns:
            problem = f"{table} has no column {column}{did_you_mean(column, columns)}"
        elif column and field != "entity" and (wrong := _type_problem(model, columns[column])):
            problem = f"label {table}.{column} {wrong}"
        if problem:
            yield model.place.sentence(problem, "label", field)


def _type_problem(model: ModelSpec, sql_type: str) -> str:
    """Why a column of this type cannot be the label, or be summed; empty if it can."""
    if not sql_type:
        return ""  # dbt does not know it either
    if isinstance(model.label, Settled):
        return model.task.label_type_problem(sql_type)
    if label_kind(sql_type) in SUMMABLE:
        return ""
    return f"is a {sql_type.upper()}, which cannot be summed; use `op: count`"


def _unfit(model: ModelSpec, features: Mapping[str, Sequence[str]]) -> Iterator[str]:
    try:
        refuse_name_clashes(model, features)
    except TrainingError as error:
        yield model.place.sentence(str(error), "feature_sets")
    if not set(model.feature_sets) <= set(features):
        return  # the features of the unknown set are unknown
    known = [name for of in model.feature_sets for name in features[of]]
    for field, names in (("include", model.include), ("exclude", model.exclude)):
        for number, name in enumerate(names):
            if name not in known:
                message = f"model {model.name} has no feature {name}{did_you_mean(name, known)}"
                yield model.place.sentence(message, field, number)

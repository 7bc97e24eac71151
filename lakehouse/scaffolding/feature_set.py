"""The proposal of a feature set: windows over the rows of one table, for each row of it."""

from collections.abc import Sequence

import yaml
from pydantic import ValidationError

from lakehouse.declarations.specs import COMPONENTS, FILE_NAME, read_declarations
from lakehouse.features.compile import plan
from lakehouse.features.expressions import FeatureError
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.project import Project
from lakehouse.scaffolding.declared_names import refuse_name_clashes
from lakehouse.scaffolding.declared_tables import DeclaredTable
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.proposal import File, Proposal
from lakehouse.scaffolding.staging import EVENT_TIME
from lakehouse.scaffolding.windows import WindowLines
from lakehouse.scaffolding.yaml_text import one_line


def propose_feature_set(
    project: Project,
    domain: str,
    name: str,
    table: DeclaredTable,
    entity: str,
    key: str,
    own: Sequence[str] = (),
    values: Sequence[str] = (),
) -> Proposal:
    """Counts, sums, means and times since, over 1, 7 and 30 days of the rows of an entity.

    `key` identifies a row of the table, `entity` what the features are about. `own` are columns of
    the row itself that are known when a decision is made; `values` those that windows are made of,
    by default the first of each kind.

    Raises:
        ScaffoldingError: when a name is not valid or taken, or the table has no times.
    """
    refuse_name_clashes(project, "feature set", "FeatureSet", FeatureSetSpec, name)
    for column in (key, entity, "known_at", *own, *values):
        table.column(column)
    if key == entity:
        raise ScaffoldingError(
            f"{entity} is the key of {table.name}: each has one row, and no window holds more; "
            "choose a column that repeats with --entity, or another key with --key"
        )
    time = EVENT_TIME if table.has(EVENT_TIME) else "known_at"
    others = _other_features(project, table)
    writer = WindowLines(table, entity, key, own, values, prefix=name, others=others)
    stream = table.name.partition(".")[2]
    text = "\n".join(
        [
            f"type: {COMPONENTS}.FeatureSet",
            "attributes:",
            f"  name: {name}",
            f"  description: {one_line(f'Rows of {stream} of each {entity} in the last days.')}",
            f"  owners: {one_line([f'team:{domain}'])}",
            f"  tags: {one_line({'domain': domain})}",
            f"  entity: {entity}",
            "  spines:",
            f"    - {one_line(_spine(table, key, time))}",
            "  streams:",
            f"    rows: {table.name}",
            "  aggregates:",
            *writer.aggregates(),
            "  features:",
            *writer.features(),
            "",
        ]
    )
    _check(text, table)
    return Proposal(
        (File(project.defs_dir / domain / "feature_sets" / name / FILE_NAME, text),),
        (
            f"a feature of a row counts the rows of the same {entity} that were known before it",
            *(
                ()
                if own
                else (
                    "no value of the row itself is a feature, as nothing says which are known when "
                    "a decision is made: name them with --row",
                )
            ),
            *writer.left_out(),
            *writer.renamed(),
        ),
    )


def _other_features(project: Project, table: DeclaredTable) -> dict[str, str]:
    """The set of each column of features that exists for the table's rows already."""
    found = read_declarations({"FeatureSet": FeatureSetSpec}, project.defs_dir).of(FeatureSetSpec)
    sets = [one for one in found if any(spine.table == table.name for spine in one.spines)]
    return {
        column: one.name
        for one in sets
        for feature in one.features
        for column, _ in one.outputs(feature)
    }


def _spine(table: DeclaredTable, key: str, time: str) -> dict[str, str]:
    spine = {"name": table.name.partition(".")[2].replace("__", "_"), "table": table.name}
    return spine | {"key": key} | ({} if time == EVENT_TIME else {"time": time})


def _check(text: str, table: DeclaredTable) -> None:
    """Compile the set against the declared columns, as the engine will against the real ones."""
    try:
        spec = FeatureSetSpec.model_validate(yaml.safe_load(text)["attributes"])
        plan(spec, {table.name: table.types})
    except (ValidationError, FeatureError) as error:
        message = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ScaffoldingError(f"no feature set fits {table.name}: {message}") from None

"""The proposal of a model: its rows, label, periods and gates, by the type of the label."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import yaml
from pydantic import ValidationError

from lakehouse.declarations.durations import format_duration
from lakehouse.declarations.mistakes import find_mistakes
from lakehouse.declarations.specs import COMPONENTS, FILE_NAME
from lakehouse.features import view_name
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.models.spec import ModelSpec
from lakehouse.project import Project
from lakehouse.scaffolding.declared_names import refuse_name_clashes
from lakehouse.scaffolding.declared_tables import DeclaredTable
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.proposal import File, Proposal
from lakehouse.scaffolding.staging import EVENT_TIME
from lakehouse.scaffolding.yaml_text import comment, one_line

DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_PERIOD = timedelta(days=14)
_SHORTEST = 9
"""Days of history from which periods are made to its measure."""
TASKS = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Seen:
    """What the lake holds of the rows and labels, if it holds any: `first` and `last` time, the
    number of `rows`, the label's `values` if there are no more than a few, and the `delay` within
    which 99 of 100 rows become known after their time."""

    first: datetime | None = None
    last: datetime | None = None
    rows: int = 0
    values: tuple[str, ...] | None = None
    delay: timedelta = timedelta()


@dataclass(frozen=True)
class Wanted:
    """What a person gave: the spine's table and key, where the label is, and what was chosen."""

    spine: DeclaredTable
    key: str
    label: DeclaredTable
    column: str
    maturity: timedelta | None = None
    task: str | None = None
    feature_sets: tuple[str, ...] = ()
    seen: Seen = field(default_factory=Seen)


def propose_model(
    project: Project,
    domain: str,
    name: str,
    wanted: Wanted,
    feature_sets: Sequence[FeatureSetSpec],
) -> Proposal:
    """The declaration of a model with the feature sets of the spine's table.

    Raises:
        ScaffoldingError: when a name is not valid, the label has no type to predict, or no feature
            set is computed for the rows.
    """
    refuse_name_clashes(project, "model", "PredictiveModel", ModelSpec, name)
    spine, label = wanted.spine, wanted.label
    spine.column(wanted.key)
    label.column(wanted.key)
    label.column("known_at")
    task, why = _task(wanted)
    fitting = _fitting(spine, feature_sets)
    chosen = wanted.feature_sets or tuple(fitting)
    if unknown := [one for one in chosen if one not in fitting]:
        known = ", ".join(fitting) or "none"
        raise ScaffoldingError(
            f"no feature set {unknown[0]} is computed for the rows of {spine.name}; known are "
            f"{known}"
        )
    if not chosen:
        raise ScaffoldingError(
            f"no feature set is computed for the rows of {spine.name}; make one with `lakehouse "
            f"new feature-set NAME --of {spine.name} --entity COLUMN`"
        )
    entities = tuple(dict.fromkeys(fitting[one] for one in chosen))
    excluded = _taken_names(spine, feature_sets, chosen, {wanted.key, *entities})
    maturity, about_maturity = _maturity(wanted)
    period, about_period = _period(wanted.seen, maturity)
    lines = [
        f"type: {COMPONENTS}.PredictiveModel",
        "",
        "attributes:",
        f"  name: {name}",
        f"  description: {one_line(_description(task, wanted))}",
        f"  owners: {one_line([f'team:{domain}'])}",
        "",
        f"  task: {task}",
        f"  spine: {one_line(_spine(wanted, entities))}",
        f"  feature_sets: {one_line(list(chosen))}",
        *([f"  exclude: {one_line(excluded)}"] if excluded else []),
        f"  label: {one_line(_label(wanted, maturity))}",
        f"  split: {one_line({'validation': period, 'test': period})}",
        "",
        "  params: {learning_rate: 0.1, num_leaves: 15, max_depth: 5, min_data_in_leaf: 20}",
        "  rounds: 200",
        "  early_stopping: 20",
        "",
        *_judging(task, wanted),
        "",
    ]
    text = "\n".join(lines)
    _check(text)
    assumptions = [
        f"the task is {task}: {why}",
        f"the features are those of {', '.join(chosen)}",
        about_maturity,
        about_period,
    ]
    if excluded:
        assumptions.append(
            f"left out, as an entity or the key has the name: {', '.join(excluded)}; rename the "
            "feature in its set to use it"
        )
    if label.name == spine.name:
        assumptions.append(
            f"{wanted.column} is in the rows themselves: it counts as known with them. If "
            "decisions are made before, put it into a table of its own, with the time when it "
            "became known"
        )
    return Proposal(
        (File(project.defs_dir / domain / "models" / name / FILE_NAME, text),), tuple(assumptions)
    )


def _task(wanted: Wanted) -> tuple[str, str]:
    column = wanted.label.column(wanted.column)
    values = wanted.seen.values
    if wanted.task:
        return wanted.task, "chosen with --task"
    if column.type == "BOOLEAN":
        return "binary", f"{column.name} is true or false"
    if column.type == "VARCHAR":
        return "multiclass", f"{column.name} is a text"
    if not column.is_number:
        raise ScaffoldingError(
            f"{wanted.label.name}.{column.name} is {column.type}; a label is a number, a text, or "
            "true or false"
        )
    if values is not None and values and {Decimal(value) for value in values} <= {0, 1}:
        return "binary", f"{column.name} is 0 or 1 in all rows of the lake"
    why = f"{column.name} is a number ({column.type})"
    if column.is_whole and not wanted.seen.rows:
        why += "; if it is only 0 or 1, write `task: binary`, which --task does"
    return "regression", why


def _fitting(spine: DeclaredTable, sets: Sequence[FeatureSetSpec]) -> dict[str, str]:
    """The views of feature sets that are computed for the table's rows, each with its entity."""
    return {
        view_name(one, each.name).name: one.entity
        for one in sets
        for each in one.spines
        if each.table == spine.name
    }


def _taken_names(
    spine: DeclaredTable,
    sets: Sequence[FeatureSetSpec],
    chosen: Sequence[str],
    taken: Collection[str],
) -> list[str]:
    """The features of the chosen sets that have a name which is taken in training sets."""
    found = [
        column
        for one in sets
        for each in one.spines
        if each.table == spine.name and view_name(one, each.name).name in chosen
        for feature in one.features
        for column, _ in one.outputs(feature)
        if column in taken
    ]
    return list(dict.fromkeys(found))


def _maturity(wanted: Wanted) -> tuple[timedelta, str]:
    if wanted.maturity is not None:
        return wanted.maturity, f"labels are settled {format_duration(wanted.maturity)} after"
    if wanted.label.name == wanted.spine.name:
        delay = -(-wanted.seen.delay // _HOUR) * _HOUR
        why = "a label is known with its row"
        if delay:
            why += f", for 99 of 100 rows within {format_duration(delay)} of its time"
        first, last = wanted.seen.first, wanted.seen.last
        if first and last and 2 * delay > last - first:
            why += " (most of the history: check the source's time, and the seals of its files)"
        return delay, f"{why}: its maturity is {format_duration(delay)}"
    return _PERIOD, (
        f"a label is settled {format_duration(_PERIOD)} after its event, as nothing says "
        "otherwise: change it with --maturity"
    )


def _period(seen: Seen, maturity: timedelta) -> tuple[str, str]:
    """The length of validation and test: two weeks, or a sixth of a shorter history."""
    if seen.first is None or seen.last is None:
        return format_duration(_PERIOD), (
            f"validation and test are {format_duration(_PERIOD)} each, as the lake has no rows "
            "yet: training needs more history than both and their gaps"
        )
    days = (seen.last - seen.first) // DAY
    left = days - 2 * (maturity // DAY)
    if days < _SHORTEST or left < _SHORTEST:
        return format_duration(DAY), (
            f"the lake has {days} days of rows: validation and test are one day each, and a score "
            "of one day says little"
        )
    length = min(_PERIOD // DAY, left // 6) or 1
    return format_duration(length * DAY), (
        f"validation and test are {length} days each of {days} days in the lake"
    )


def _description(task: str, wanted: Wanted) -> str:
    what = {"binary": "how likely", "multiclass": "which", "regression": "the"}[task]
    rows = wanted.spine.name.partition(".")[2]
    end = " is true" if task == "binary" else ""
    return f"Predicts {what} {wanted.column}{end}, for each row of {rows}."


def _spine(wanted: Wanted, entities: Sequence[str]) -> Mapping[str, object]:
    spine: dict[str, object] = {"table": wanted.spine.name, "key": wanted.key}
    if not wanted.spine.has(EVENT_TIME):
        spine["time"] = "known_at"
    return spine | {"entities": list(entities)}


def _label(wanted: Wanted, maturity: timedelta) -> Mapping[str, str]:
    label = {"table": wanted.label.name, "column": wanted.column}
    return label | {"maturity": format_duration(maturity)}


def _judging(task: str, wanted: Wanted) -> list[str]:
    """Gates that only a model which learned nothing fails, and for alerts their number."""
    if task == "binary":
        return [
            *comment("how many alerts people can look at", 2),
            f"  capacity: {{alerts: {_alerts(wanted.seen)}, per: day}}",
            "  gates:",
            *comment("the interval must show that it ranks better than chance; raise it", 4),
            "    - {metric: auc_roc, at_least: 0.5, lower_end: true}",
            "  promotion: {rule: better, metric: average_precision}",
        ]
    if task == "multiclass":
        return [
            "  gates:",
            *comment("the interval must show a gain on the commonest class; raise it", 4),
            "    - {metric: better_than_majority, at_least: 0.0, lower_end: true}",
            "  promotion: {rule: better, metric: macro_f1}",
        ]
    return [
        "  gates:",
        *comment("the interval must show a smaller error than the mean of training; raise it", 4),
        "    - {metric: better_than_naive, at_least: 0.0, lower_end: true}",
        "  promotion: {rule: better, metric: mae}",
    ]


def _alerts(seen: Seen) -> int:
    """A twentieth of a day's rows; ten if nothing is known about them."""
    if seen.first is None or seen.last is None or not seen.rows:
        return 10
    days = max((seen.last - seen.first) / DAY, 1.0)
    return max(round(seen.rows / days / 20), 1)


def _check(text: str) -> None:
    values = yaml.safe_load(text)["attributes"]
    try:
        ModelSpec.model_validate(values)
    except ValidationError as error:
        mistakes = find_mistakes(error, values, ModelSpec)
        raise ScaffoldingError("; ".join(mistake.message for mistake in mistakes)) from None

"""The proposal of a feature set: windows over the rows of one table, for each row of it."""

from collections.abc import Iterator, Mapping, Sequence

import yaml
from pydantic import ValidationError

from lakehouse.declarations.reserved import FEATURE_TABLE_COLUMNS, RESERVED_PREFIXES
from lakehouse.declarations.specs import COMPONENTS, FILE_NAME, read_declarations
from lakehouse.features.compile import plan
from lakehouse.features.expressions import FeatureError
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.project import Project
from lakehouse.scaffolding.declared_names import refuse_name_clashes
from lakehouse.scaffolding.declared_tables import DeclaredColumn, DeclaredTable
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.names import free_name
from lakehouse.scaffolding.proposal import File, Proposal
from lakehouse.scaffolding.staging import EVENT_TIME
from lakehouse.scaffolding.yaml_text import one_line

_WINDOWS = ["1d", "7d", "30d"]
_LONGEST = "30d"
MOST_COLUMNS = 8
"""Columns of each kind that windows are made of; more are a person's choice."""
_SYSTEM = ("known_at", "_load_id", EVENT_TIME)


def propose_feature_set(
    project: Project,
    domain: str,
    name: str,
    table: DeclaredTable,
    entity: str,
    key: str,
    own: Sequence[str] = (),
) -> Proposal:
    """Counts, sums, means and times since, over 1, 7 and 30 days of the rows of an entity.

    `key` identifies a row of the table, `entity` what the features are about. `own` are columns of
    the row itself that are known when a decision is made.

    Raises:
        ScaffoldingError: when a name is not valid or taken, or the table has no times.
    """
    refuse_name_clashes(project, "feature set", "FeatureSet", FeatureSetSpec, name)
    for column in (key, entity, "known_at", *own):
        table.column(column)
    if key == entity:
        raise ScaffoldingError(
            f"{entity} is the key of {table.name}: each has one row, and no window holds more; "
            "choose a column that repeats with --entity, or another key with --key"
        )
    time = EVENT_TIME if table.has(EVENT_TIME) else "known_at"
    writer = _Writer(table, entity, key, own, prefix=name, others=_other_features(project, table))
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


class _Writer:
    """The aggregates and features of a table, as lines.

    `others` are features of the same rows, with their sets. A model reads several sets, so their
    names must differ: a feature whose name is taken begins with `prefix`.
    """

    def __init__(
        self,
        table: DeclaredTable,
        entity: str,
        key: str,
        own: Sequence[str],
        *,
        prefix: str,
        others: Mapping[str, str],
    ) -> None:
        self.entity, self.prefix, self.others = entity, prefix, others
        self.own = [column for column in own if _base(column) not in others]
        self.own_elsewhere = [column for column in own if _base(column) in others]
        self.clashes: set[str] = set()
        used = (*_SYSTEM, entity, key)
        columns = [c for c in table.columns if c.name not in used and not c.name.startswith("_")]
        self.whole = [c for c in columns if c.is_whole and not c.is_id]
        self.measures = [c for c in columns if c.type in ("FLOAT", "DOUBLE")]
        self.truths = [c for c in columns if c.type == "BOOLEAN"]
        self.kinds = [c for c in columns if c.type == "VARCHAR" or (c.is_whole and c.is_id)]
        self.decimals = [c for c in columns if c.is_decimal]
        self.untyped = [c for c in columns if not c.type]
        self.names = _names(["n", "idle"], self._chosen())
        self.taken = ["n", "idle", entity, key, *self.names.values()]

    def _chosen(self) -> list[DeclaredColumn]:
        groups = (self.whole, self.measures, self.truths, self.kinds)
        return [column for group in groups for column in group[:MOST_COLUMNS]]

    def aggregates(self) -> Iterator[str]:
        """A line for each window."""
        windows = one_line(_WINDOWS)
        yield f"    n: {{of: rows, op: count, window: {windows}}}"
        yield f"    idle: {{of: rows, op: since_last, window: {_LONGEST}}}"
        for column in self.whole[:MOST_COLUMNS]:
            at = f"of: rows, op: sum, value: {column.name}, window: {windows}"
            yield f"    {self.names[column.name]}: {{{at}}}"
        for column in self.measures[:MOST_COLUMNS]:
            at = f"of: rows, op: quantile, q: 0.5, value: {column.name}, window: {_LONGEST}"
            yield f"    {self.names[column.name]}: {{{at}}}"
        for column in self.truths[:MOST_COLUMNS]:
            at = f"of: rows, op: count, where: {column.name}, window: {windows}"
            yield f"    {self.names[column.name]}: {{{at}}}"
        for column in self.kinds[:MOST_COLUMNS]:
            at = f"of: rows, op: distinct, value: {column.name}, window: {_LONGEST}"
            yield f"    {self.names[column.name]}: {{{at}}}"

    def features(self) -> Iterator[str]:
        """A line for each feature."""
        yield self._line("n", "n", f"Number of rows of the {self.entity}")
        yield self._line("idle", "idle", f"Microseconds since the last row of the {self.entity}")
        for column in self.whole[:MOST_COLUMNS]:
            name = self.names[column.name]
            yield self._line(name, name, f"Sum of {column.name}")
            yield self._line(self._ratio(column, "mean"), f"{name} / n", f"Mean of {column.name}")
        for column in self.measures[:MOST_COLUMNS]:
            name = self.names[column.name]
            yield self._line(name, name, f"Median of {column.name}")
        for column in self.truths[:MOST_COLUMNS]:
            text = f"Share of rows with {column.name}"
            expression = f"{self.names[column.name]} / n"
            yield self._line(self._ratio(column, "share"), expression, text)
        for column in self.kinds[:MOST_COLUMNS]:
            name = self.names[column.name]
            yield self._line(name, name, f"Different values of {column.name}")
        for name in self.own:
            feature = free_name(_base(name), self.taken)
            self.taken.append(feature)
            yield self._line(feature, f"row.{name}", f"{name} of the row itself")
        for column in (self.whole or self.measures)[:1] if not self.own else ():
            yield "    # the row's own values, where they are known when a decision is made:"
            yield f"    # {column.name}: row.{column.name}"

    def _ratio(self, column: DeclaredColumn, what: str) -> str:
        name = free_name(f"{_base(column.name)}_{what}", self.taken)
        self.taken.append(name)
        return name

    def _line(self, name: str, expression: str, text: str) -> str:
        columns = [name, *(f"{name}_{window}" for window in _WINDOWS)]
        if owners := {self.others[column] for column in columns if column in self.others}:
            self.clashes |= owners
            name = free_name(f"{self.prefix}_{name}", [*self.taken, *self.others])
            self.taken.append(name)
        return f"    {name}: {one_line({'expression': expression, 'description': text})}"

    def renamed(self) -> Iterator[str]:
        """What the features of other sets have changed in the lines of `features`."""
        if self.clashes:
            yield (
                f"features named as those of {', '.join(sorted(self.clashes))}, for the same rows, "
                f"begin with {self.prefix}_, so that a model can read both"
            )
        for column in self.own_elsewhere:
            yield f"left out, as {self.others[_base(column)]} has a feature of that name: {column}"

    def left_out(self) -> Iterator[str]:
        """What no window is made of, and why."""
        for column in self.decimals:
            if any(one.name.startswith(f"{column.name}_") for one in self.whole):
                continue  # its minor units are there
            yield (
                f"{column.name} is {column.type} and left out, as features read whole numbers: use "
                "a column of minor units, such as cents"
            )
        if self.untyped:
            names = ", ".join(column.name for column in self.untyped)
            yield f"left out, as no `data_type` is declared: {names}"
        for group in (self.whole, self.measures, self.truths, self.kinds):
            if len(group) > MOST_COLUMNS:
                names = ", ".join(column.name for column in group[MOST_COLUMNS:])
                yield f"left out, as there are many columns of their type: {names}"


def _names(taken: Sequence[str], columns: Sequence[DeclaredColumn]) -> dict[str, str]:
    """A name for the aggregate of each column, that no other table's column has."""
    used = [*taken]
    names: dict[str, str] = {}
    for column in columns:
        suffix = "sum" if column.is_whole and not column.is_id else "kinds"
        suffix = {"BOOLEAN": "n", "FLOAT": "median", "DOUBLE": "median"}.get(column.type, suffix)
        names[column.name] = free_name(f"{_base(column.name)}_{suffix}", used)
        used.append(names[column.name])
    return names


def _base(column: str) -> str:
    """The beginning of names made of a column: its own name, unless that is reserved."""
    is_reserved = column in FEATURE_TABLE_COLUMNS or column.startswith(RESERVED_PREFIXES)
    return f"row_{column.strip('_')}" if is_reserved else column


def _check(text: str, table: DeclaredTable) -> None:
    """Compile the set against the declared columns, as the engine will against the real ones."""
    try:
        spec = FeatureSetSpec.model_validate(yaml.safe_load(text)["attributes"])
        plan(spec, {table.name: table.types})
    except (ValidationError, FeatureError) as error:
        message = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ScaffoldingError(f"no feature set fits {table.name}: {message}") from None

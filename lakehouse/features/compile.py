"""Compiles a feature set against its tables: resolves every name and type, and hashes the result.

Batch (`computation.py`) and one request (`online.py`) compute the plan. Compiling reads no rows.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import duckdb

from lakehouse.declarations.durations import format_period, longest
from lakehouse.features.expressions import (
    FeatureError,
    Kind,
    Name,
    Term,
    compile_expression,
    names_in,
    version_text,
)
from lakehouse.features.ops import Aggregate, Window, find_operation
from lakehouse.features.spec import FeatureSetSpec, Spine
from lakehouse.lake import CATALOG, NoSuchTable, quote

COMPILER = 1
"""Increase it when the same plan starts to produce other values: every set gets a new version."""

Schema = Mapping[str, Mapping[str, str]]
"""Columns and SQL types by table."""

_KINDS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT"), Kind.INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER"), Kind.INTEGER),
    **dict.fromkeys(("FLOAT", "DOUBLE"), Kind.DOUBLE),
    "BOOLEAN": Kind.BOOLEAN,
    "VARCHAR": Kind.TEXT,
    "TIMESTAMP": Kind.TIMESTAMP,
}


@dataclass(frozen=True)
class Attribute:
    """A dimension column; its `time` column holds the time from which each version is known.

    The row of a request is the one whose `key` equals the column `by` of the spine.
    """

    name: str
    table: str
    column: str
    time: str
    assumed: bool
    kind: Kind
    key: str
    by: str

    @property
    def role(self) -> tuple[str, str, str]:
        """What attributes of one role have in common: table, key, and the spine's column."""
        return self.table, self.key, self.by


@dataclass(frozen=True)
class Feature:
    """A column of the feature table. `inputs` are the (table, column) pairs that it is computed
    from."""

    name: str
    type: str
    description: str
    inputs: tuple[tuple[str, str], ...]
    term: Term


@dataclass(frozen=True)
class Plan:
    """A compiled feature set for one spine; the spine's table has `spine_columns` (used or not)."""

    spec: FeatureSetSpec
    spine: Spine
    aggregates: tuple[Aggregate, ...]
    attributes: tuple[Attribute, ...]
    row_columns: dict[str, Kind]
    features: tuple[Feature, ...]
    contract: dict[str, dict[str, str]]
    spine_columns: frozenset[str]

    @property
    def entity(self) -> str:
        """The entity column, whose name is the same in the spine and in every input."""
        return self.spec.entity

    @cached_property
    def version(self) -> str:
        """Eight hex digits: the hash of the computation and of the columns that it reads."""
        plan = {
            "compiler": COMPILER,
            "entity": self.entity,
            "spine": [self.spine.key, self.spine.time],
            "aggregates": [
                [
                    a.name,
                    a.table,
                    a.op.name,
                    a.value,
                    a.where and a.where.sql,
                    str(a.q),
                    a.window.identity,
                ]
                for a in self.aggregates
            ],
            "attributes": [
                [a.name, a.table, a.column, a.time, a.assumed]
                + ([] if a.key == a.by == self.entity else [a.key, a.by])
                for a in self.attributes
            ],
            "features": [[f.name, f.type, version_text(f.term.sql)] for f in self.features],
            "contract": self.contract,
        }
        return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Tables read through windows and attributes, sorted; not the spine."""
        return tuple(sorted({part.table for part in self.parts}))

    @property
    def parts(self) -> tuple[Aggregate | Attribute, ...]:
        """Everything that reads rows other than the spine row itself."""
        return (*self.aggregates, *self.attributes)


def read_schema(cursor: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> Schema:
    """Columns and types of tables in the lake. Raises `NoSuchTable`."""
    found: dict[str, dict[str, str]] = {table: {} for table in tables}
    rows = cursor.execute(
        "SELECT schema_name || '.' || table_name AS name, column_name, data_type "
        "FROM duckdb_columns() WHERE database_name = ? AND name IN (SELECT unnest(?)) "
        "ORDER BY column_index",
        [CATALOG, list(found)],
    ).fetchall()
    for table, column, sql_type in rows:
        found[table][column] = sql_type
    for table, columns in found.items():
        if not columns:
            raise NoSuchTable(f"there is no table {table} in the lake; materialize it first")
    return found


def plan(spec: FeatureSetSpec, schema: Schema, spine: str | None = None) -> Plan:
    """Compile `spec` for one of its spines (the first by default) against tables as in `schema`.

    A feature that reads a `row.` column is left out for a spine without that column, except for the
    first spine.

    Raises:
        FeatureError: naming the table, column, type or expression that does not fit.
    """
    try:
        return _Compiler(spec, schema, spec.spine(spine)).plan()
    except FeatureError as error:
        message = f"feature set {spec.name}: {error}"
        raise FeatureError(spec.place.sentence(message, *error.path)) from None


@contextmanager
def _at(*path: str) -> Iterator[None]:
    """Attribute errors raised within to the field at `path`."""
    try:
        yield
    except FeatureError as error:
        raise FeatureError(str(error), *path) from None


def read_column(kind: Kind, column: str) -> str:
    """SQL that reads a column as its kind: NaN becomes NULL, and -0.0 becomes 0.0."""
    if kind == Kind.INTEGER:
        return f"CAST({quote(column)} AS BIGINT)"
    if kind == Kind.DOUBLE:
        return f"(nullif(CAST({quote(column)} AS DOUBLE), CAST('nan' AS DOUBLE)) + 0.0::DOUBLE)"
    return quote(column)


def column_kind(table: str, columns: Mapping[str, str], column: str) -> Kind:
    """The kind of a column, from the SQL types of its table.

    Raises:
        FeatureError: for a column that does not exist, or whose type expressions cannot read.
    """
    if column not in columns:
        raise FeatureError(f"{table} has no column {column}; it has {', '.join(columns)}")
    sql_type = columns[column]
    if sql_type not in _KINDS:
        hint = "; store minor units, as a BIGINT" if sql_type.startswith("DECIMAL") else ""
        raise FeatureError(f"{table}.{column} is a {sql_type}, which features cannot read{hint}")
    return _KINDS[sql_type]


def compile_condition(where: str, table: str, columns: Mapping[str, str]) -> Term:
    """Compile a condition over the columns of `table`, given with their SQL types.

    Raises:
        FeatureError: for an unknown or unreadable column, or an expression that is no condition.
    """
    scope = {}
    for name in names_in(where):
        kind = column_kind(table, columns, name)
        scope[name] = Name(kind, read_column(kind, name))
    term = compile_expression(where, scope)
    if term.kind != Kind.BOOLEAN:
        raise FeatureError(f"`where: {where}` is {term.kind}, not a condition")
    return term


class _Compiler:
    def __init__(self, spec: FeatureSetSpec, schema: Schema, spine: Spine) -> None:
        self.spec, self.schema, self.spine = spec, schema, spine
        self.contract: dict[str, dict[str, str]] = {}
        self.scope: dict[str, Name] = {}
        self.inputs: dict[str, tuple[tuple[str, str], ...]] = {}

    def plan(self) -> Plan:
        spec, spine = self.spec, self.spine
        with _at("spines"):
            self.column(spine.table, spine.key)
            self.column(spine.table, spec.entity)
            self.timestamp(spine.table, spine.time)
        outputs = [
            (name, feature, aliases)
            for feature in spec.features
            if self.is_computable(feature)
            for name, aliases in spec.outputs(feature)
        ]
        used = {
            aliases.get(name, name)
            for _, feature, aliases in outputs
            for name in names_in(spec.features[feature].expression)
        }
        self.scope["t"] = Name(Kind.TIMESTAMP, "p.event_time")
        self.inputs["t"] = ((spine.table, spine.time),)
        aggregates = tuple(a for name in spec.aggregates for a in self.aggregates(name, used))
        attributes = tuple(self.attribute(name) for name in spec.attributes if name in used)
        row_columns = self.row_columns(used, {a.by for a in attributes} - {spec.entity})
        features = tuple(self.feature(*output) for output in outputs)
        return Plan(
            spec, spine, aggregates, attributes, row_columns, features, self.contract,
            frozenset(self.table(spine.table)),
        )  # fmt: skip

    def is_computable(self, feature: str) -> bool:
        columns = self.table(self.spine.table)
        names = names_in(self.spec.features[feature].expression)
        needed = {name[4:] for name in names if name.startswith("row.")}
        attributes = self.spec.attributes
        needed |= {by for name in names if name in attributes and (by := attributes[name].by)}
        return needed <= {*columns} or self.spine == self.spec.spines[0]

    def table(self, table: str) -> Mapping[str, str]:
        if table not in self.schema:
            raise FeatureError(f"there is no table {table}")
        return self.schema[table]

    def column(self, table: str, column: str) -> Kind:
        columns = self.table(table)
        kind = column_kind(table, columns, column)
        self.contract.setdefault(table, {})[column] = columns[column]
        return kind

    def timestamp(self, table: str, column: str) -> None:
        if self.column(table, column) != Kind.TIMESTAMP:
            raise FeatureError(f"{table}.{column} must be a TIMESTAMP in UTC")

    def stream(self, table: str, time: str, key: str, by: str) -> None:
        self.timestamp(table, time)
        if self.column(table, key) != self.column(self.spine.table, by):
            raise FeatureError(
                f"{table}.{key} and {self.spine.table}.{by} have different types; cast one of them"
            )

    def aggregates(self, name: str, used: set[str]) -> Iterable[Aggregate]:
        with _at("aggregates", name):
            yield from self._aggregates(name, used)

    def _aggregates(self, name: str, used: set[str]) -> Iterable[Aggregate]:
        declared = self.spec.aggregates[name]
        names = {n: w for n, w in self.spec.references(name).items() if n in used}
        if not names:
            return
        table = self.spec.streams[declared.of]
        self.stream(table, "known_at", self.spec.entity, self.spec.entity)
        op = find_operation(declared.op)
        try:
            value_kind = self.column(table, declared.value) if declared.value else None
            kind = op.result_kind(declared.value or "", value_kind)
            where = self.condition(table, declared.where)
        except FeatureError as error:
            raise FeatureError(f"aggregate {name}: {error}") from None
        columns = {declared.value, *(where.uses if where else ())} - {None}
        inputs = tuple((table, str(column)) for column in sorted(map(str, columns)))
        for reference, window in names.items():
            aggregate = Aggregate(
                reference, table, op, declared.value, where, declared.q,
                Window(window), kind, value_kind,
            )  # fmt: skip
            sql = quote(reference) if op.empty is None else f"coalesce({quote(reference)}, 0)"
            self.scope[reference] = Name(kind, sql)
            self.inputs[reference] = inputs or ((table, "known_at"),)
            yield aggregate

    def condition(self, table: str, where: str | None) -> Term | None:
        if where is None:
            return None
        for name in names_in(where):
            self.column(table, name)  # a column that is read is part of the contract
        return compile_condition(where, table, self.table(table))

    def attribute(self, name: str) -> Attribute:
        declared = self.spec.attributes[name]
        with _at("attributes", name):
            time = "known_at" if "known_at" in self.table(declared.of) else "valid_from"
            by = declared.by or self.spec.entity
            key = declared.key or by
            self.column(self.spine.table, by)
            if key not in self.table(declared.of):
                raise FeatureError(
                    f"{declared.of} has no column {key}; write `key: `, the column of "
                    f"{declared.of} that {self.spine.table}.{by} refers to"
                )
            self.stream(declared.of, time, key, by)
            kind = self.column(declared.of, declared.column)
        self.scope[name] = Name(kind, quote(name))
        self.inputs[name] = ((declared.of, declared.column),)
        if declared.by:
            self.inputs[name] += ((self.spine.table, declared.by),)
        assumed = declared.first_version == "assumed"
        return Attribute(name, declared.of, declared.column, time, assumed, kind, key, by)

    def row_columns(self, used: set[str], references: set[str]) -> dict[str, Kind]:
        """The columns of the spine that are read: by expressions, and by references."""
        mentioned = {name[4:] for name in used if name.startswith("row.")}
        for column in sorted(mentioned):
            with _at("features", self.reader(f"row.{column}")):
                kind = self.column(self.spine.table, column)
            self.scope[f"row.{column}"] = Name(kind, f"p.{quote('row.' + column)}")
            self.inputs[f"row.{column}"] = ((self.spine.table, column),)
        columns = sorted(mentioned | references)
        return {column: self.column(self.spine.table, column) for column in columns}

    def reader(self, name: str) -> str:
        """The first feature whose expression mentions `name`."""
        features = self.spec.features.items()
        return next(one for one, declared in features if name in names_in(declared.expression))

    def feature(self, name: str, feature: str, aliases: Mapping[str, str]) -> Feature:
        with _at("features", feature):
            return self._feature(name, feature, aliases)

    def _feature(self, name: str, feature: str, aliases: Mapping[str, str]) -> Feature:
        declared = self.spec.features[feature]
        scope = {**self.scope, **{bare: self.scope[full] for bare, full in aliases.items()}}
        term = _renamed(compile_expression(declared.expression, scope), aliases)
        if term.kind in (Kind.WIDE, Kind.TIMESTAMP, Kind.NULL):
            raise FeatureError(
                f"feature {name} is {term.kind}; a feature must be a number, a condition or a text"
                + (" (`t - x` gives microseconds)" if term.kind == Kind.TIMESTAMP else "")
            )
        inputs = sorted({pair for used in term.uses for pair in self.inputs[used]})
        return Feature(name, term.kind.value, self.describe(feature, aliases), tuple(inputs), term)

    def describe(self, feature: str, aliases: Mapping[str, str]) -> str:
        declared = self.spec.features[feature]
        names = {aliases.get(n, n) for n in names_in(declared.expression)}
        windows = {
            w
            for a in self.spec.aggregates
            for n, w in self.spec.references(a).items()
            if n in names
        }
        over = (
            f" over {', '.join(map(format_period, sorted(windows, key=longest)))}"
            if windows
            else ""
        )
        assumed = any(
            a in names and d.first_version == "assumed" for a, d in self.spec.attributes.items()
        )
        note = "; the first version is assumed for earlier times" if assumed else ""
        return (declared.description or f"`{declared.expression}`") + over + note


def _renamed(term: Term, aliases: Mapping[str, str]) -> Term:
    """`term` with bare names of aggregates replaced by those of single windows."""
    if not aliases:
        return term

    def run(values: Mapping[str, object]) -> object:
        return term.run({**values, **{bare: values[full] for bare, full in aliases.items()}})

    return Term(term.kind, term.sql, run, frozenset(aliases.get(name, name) for name in term.uses))

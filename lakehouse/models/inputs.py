"""The feature tables that a model reads, their versions, and their feature columns.

A set has the name of its view without the schema: `terminal_risk`, or `customer_spending__days` for
its spine `days`. The view shows the current version. A model version pins the physical table that
it was trained on, and continues to read it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from lakehouse.features.declared import refresh_problem
from lakehouse.lake import CATALOG, NoSuchTable, qualified, quote, read_columns
from lakehouse.lake.layout import FEATURES, VERSIONED, feature_table, feature_view
from lakehouse.models.errors import SchemaMismatch, TrainingError
from lakehouse.models.schema import Feature, FeatureSchema, Kind
from lakehouse.models.spec import ModelSpec

_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN")
_TEXT = re.compile(r"VARCHAR|ENUM\(.*\)")


@dataclass(frozen=True)
class FeatureTable:
    """One version of a feature set: its physical table `schema.table`, columns with SQL types."""

    name: str
    version: str
    table: str
    columns: tuple[tuple[str, str], ...]


def feature_tables(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> list[FeatureTable]:
    """The current version of each of the model's feature sets, in the spec's order.

    Raises:
        NoSuchTable: when a set has never been materialized.
    """
    return [_current_table(cursor, name) for name in spec.feature_sets]


def pinned_tables(cursor: duckdb.DuckDBPyConnection, schema: FeatureSchema) -> list[FeatureTable]:
    """The tables that a model version was trained on.

    Raises:
        SchemaMismatch: when a table no longer exists, lacks a feature, or has it with another type.
    """
    tables = []
    for name, version in schema.feature_sets.items():
        table = feature_table(name, version)
        columns = _columns(cursor, table)
        if not columns:
            raise SchemaMismatch(
                f"the model was trained on {table}, which is not in the lake; "
                "materialize the feature set and train a new version"
            )
        tables.append(FeatureTable(name, version, table, columns))
    _check_features(schema, tables)
    return tables


def stale_sets(cursor: duckdb.DuckDBPyConnection, schema: FeatureSchema) -> dict[str, str]:
    """The sets whose table at the schema's version is no longer updated, by name, with the reason.

    The current version is updated, and so is an older one that can still be computed as declared.
    """
    found: dict[str, str] = {}
    for name, version in schema.feature_sets.items():
        if _current_version(cursor, name) != version:
            reason = refresh_problem(cursor, feature_table(name, version))
            found |= {name: reason} if reason else {}
    return found


def old_tables(cursor: duckdb.DuckDBPyConnection, schema: FeatureSchema) -> list[str]:
    """The schema's feature tables, `features.<set>__<version>`, that are not current versions."""
    return [
        feature_table(name, version)
        for name, version in schema.feature_sets.items()
        if _current_version(cursor, name) != version
    ]


def schema_of(spec: ModelSpec, tables: Sequence[FeatureTable]) -> FeatureSchema:
    """The model's features in order, set by set, column by column, without dictionaries.

    Raises:
        TrainingError: for a name that two sets share or that `include` or `exclude` gets wrong, and
            for a type that models cannot read.
    """
    features = [
        Feature(name=column, set=table.name, kind=_kind(table, column, sql_type))
        for table in tables
        for column, sql_type in _feature_columns(table)
        if _is_chosen(spec, column)
    ]
    refuse_name_clashes(
        spec, {table.name: [name for name, _ in _feature_columns(table)] for table in tables}
    )
    available = {column for table in tables for column, _ in _feature_columns(table)}
    unknown = sorted(({*spec.include, *spec.exclude}) - available)
    if unknown:
        raise TrainingError(
            f"{spec.name}: `include` or `exclude` lists {', '.join(unknown)}, "
            f"which none of the feature sets {', '.join(spec.feature_sets)} contains"
        )
    if not features:
        raise TrainingError(f"{spec.name}: no features are left; check `include` and `exclude`")
    return FeatureSchema(
        features=tuple(features), feature_sets={table.name: table.version for table in tables}
    )


def refuse_name_clashes(spec: ModelSpec, features: Mapping[str, Iterable[str]]) -> None:
    """Raise `TrainingError` if a feature, by set, has a name that is taken in training sets.

    By the spine's key, an entity, or a feature of another set. A set alone only checks its entity.
    """
    taken = {name.lower() for name in (spec.spine.key, *spec.spine.entities)}
    owners: dict[str, str] = {}
    for owner in spec.feature_sets:
        for name in features.get(owner, ()):
            if not _is_chosen(spec, name):
                continue
            if name.lower() in taken:
                raise TrainingError(
                    f"{spec.name}: feature {name} of {owner} has the name of the spine's key or "
                    "of one of its entities; rename it there, or `exclude` it"
                )
            if (other := owners.setdefault(name, owner)) != owner:
                raise TrainingError(
                    f"{spec.name}: feature {name} is in the sets {other} and {owner}; "
                    "rename it in one of them, or `exclude` it"
                )


def join_features(schema: FeatureSchema, key: str, on: str) -> tuple[str, str]:
    """SQL that joins the schema's features to rows whose spine key is `on` (such as `l.key`).

    Returns the features' select list, in canonical types, and the joins; rows that lack features in
    any of the sets are dropped.
    """
    aliases = {name: f"f{i}" for i, name in enumerate(schema.feature_sets)}
    joins = " ".join(
        f"JOIN {qualified(feature_table(name, version))} {aliases[name]} "
        f"ON {aliases[name]}.{quote(key)} = {on}"
        for name, version in schema.feature_sets.items()
    )
    return schema.select_list(aliases), joins


def _current_table(cursor: duckdb.DuckDBPyConnection, name: str) -> FeatureTable:
    version = _current_version(cursor, name)
    if version is None:
        raise NoSuchTable(
            f"feature set {feature_view(name)} is not in the lake; "
            "materialize it, or correct its name in `feature_sets`"
        )
    table = feature_table(name, version)
    return FeatureTable(name, version, table, _columns(cursor, table))


def _current_version(cursor: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """The version that the set's view shows."""
    row = cursor.execute(
        "SELECT sql FROM duckdb_views() "
        "WHERE database_name = ? AND schema_name = ? AND view_name = ?",
        [CATALOG, FEATURES, name],
    ).fetchone()
    shown = VERSIONED.finditer(row[0]) if row else ()
    return next((found[2] for found in shown if found[1] == name), None)


def _columns(cursor: duckdb.DuckDBPyConnection, table: str) -> tuple[tuple[str, str], ...]:
    return tuple(read_columns(cursor, table).items())


def _feature_columns(table: FeatureTable) -> list[tuple[str, str]]:
    """The columns of a feature table are key and entity, `event_time`, the features, `_load_id`."""
    names = [column for column, _ in table.columns]
    after = names.index("event_time") + 1
    return [(name, kind) for name, kind in table.columns[after:] if not name.startswith("_")]


def _is_chosen(spec: ModelSpec, column: str) -> bool:
    return (not spec.include or column in spec.include) and column not in spec.exclude


def _kind(table: FeatureTable, column: str, sql_type: str) -> Kind:
    if _NUMBER.fullmatch(sql_type):
        return "number"
    if _TEXT.fullmatch(sql_type):
        return "category"
    raise TrainingError(
        f"feature {column} of {table.table} is a {sql_type}, which models cannot use; "
        "convert it to a number, a boolean or a text, or `exclude` it"
    )


def _check_features(schema: FeatureSchema, tables: Sequence[FeatureTable]) -> None:
    by_set = {table.name: table for table in tables}
    for feature in schema.features:
        table = by_set[feature.set]
        sql_type = dict(table.columns).get(feature.name)
        if sql_type is None:
            raise SchemaMismatch(
                f"the model needs feature {feature.name}, which {table.table} does not have; "
                "train a new version, or roll back to one that fits"
            )
        if _kind(table, feature.name, sql_type) != feature.kind:
            raise SchemaMismatch(
                f"the model was trained on {feature.name} as a {feature.kind}, "
                f"but {table.table} has it as {sql_type}; train a new version"
            )

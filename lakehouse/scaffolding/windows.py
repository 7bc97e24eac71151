"""The windows and features of a proposed feature set, as lines of YAML."""

from collections.abc import Iterator, Mapping, Sequence

from lakehouse.declarations.reserved import FEATURE_TABLE_COLUMNS, RESERVED_PREFIXES
from lakehouse.scaffolding.declared_tables import DeclaredColumn, DeclaredTable
from lakehouse.scaffolding.names import free_name, sql_name
from lakehouse.scaffolding.staging import EVENT_TIME
from lakehouse.scaffolding.yaml_text import one_line

_WINDOWS = ["1d", "7d", "30d"]
_LONGEST = "30d"
MOST_COLUMNS = 8
"""Columns of each kind that windows are made of; more are a person's choice."""
_DATE_PARTS = frozenset(
    {
        *("year", "quarter", "month", "week", "day", "weekday", "hour", "minute", "second"),
        *("dow", "doy", "weekofyear", "dayofweek", "dayofyear", "isoyear", "isoweek"),
    }
)
"""Names of numbers that a clock or a calendar gives: a sum of them is of no use."""
_SYSTEM = ("known_at", "_load_id", EVENT_TIME)


class WindowLines:
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
        values: Sequence[str],
        *,
        prefix: str,
        others: Mapping[str, str],
    ) -> None:
        self.entity, self.prefix, self.others = entity, prefix, others
        self.own = [column for column in own if _base(column) not in others]
        self.own_elsewhere = [column for column in own if _base(column) in others]
        self.clashes: set[str] = set()
        self.used = used = (*_SYSTEM, entity, key)
        columns = [c for c in table.columns if c.name not in used and not c.name.startswith("_")]
        if values:
            columns = [column for column in columns if column.name in values]
        self.decimals = [c for c in columns if c.is_decimal]
        self.untyped = [c for c in columns if not c.type]
        whole = [c for c in columns if c.is_whole and not c.is_id]
        self.date_parts = [] if values else [c for c in whole if c.name in _DATE_PARTS]
        self.whole = [c for c in whole if c not in self.date_parts]
        self.measures = [c for c in columns if c.type in ("FLOAT", "DOUBLE")]
        self.truths = [c for c in columns if c.type == "BOOLEAN"]
        self.kinds = [c for c in columns if c.type == "VARCHAR" or (c.is_whole and c.is_id)]
        groups = (self.whole, self.measures, self.truths, self.kinds)
        most = len(columns) if values else MOST_COLUMNS
        self.too_many = [group[most:] for group in groups if len(group) > most]
        for group in groups:
            del group[most:]
        usable = {c.name for group in (*groups, self.decimals, self.untyped) for c in group}
        self.unusable = [table.column(name) for name in values if name not in usable]
        self.names = _names(["n", "idle"], [column for group in groups for column in group])
        self.taken = ["n", "idle", entity, key, *self.names.values()]
        self.counts = {c.name: self._count(c) for c in (*self.whole, *self.truths)}

    def _count(self, column: DeclaredColumn) -> str:
        """The aggregate that counts the rows with a value, which means and shares divide by."""
        if column.is_required:
            return "n"
        name = free_name(f"{_base(column.name)}_given", self.taken)
        self.taken.append(name)
        return name

    def aggregates(self) -> Iterator[str]:
        """A line for each window."""
        yield _aggregate("n", op="count", window=_WINDOWS)
        yield _aggregate("idle", op="since_last", window=_LONGEST)
        for column in self.whole:
            name = self.names[column.name]
            yield _aggregate(name, op="sum", value=column.name, window=_WINDOWS)
        for column in self.measures:
            name = self.names[column.name]
            yield _aggregate(name, op="quantile", q=0.5, value=column.name, window=_LONGEST)
        for column in self.truths:
            name = self.names[column.name]
            yield _aggregate(name, op="count", where=sql_name(column.name), window=_WINDOWS)
        for value, name in self.counts.items():
            if name != "n":
                where = f"{sql_name(value)} is not null"
                yield _aggregate(name, op="count", where=where, window=_WINDOWS)
        for column in self.kinds:
            name = self.names[column.name]
            yield _aggregate(name, op="distinct", value=column.name, window=_LONGEST)

    def features(self) -> Iterator[str]:
        """A line for each feature."""
        yield self._line("n", "n", f"Number of rows of the {self.entity}")
        yield self._line("idle", "idle", f"Microseconds since the last row of the {self.entity}")
        for column in self.whole:
            name = self.names[column.name]
            yield self._line(name, name, f"Sum of {column.name}")
            mean = f"{name} / {self.counts[column.name]}"
            yield self._line(self._ratio(column, "mean"), mean, f"Mean of {column.name}")
        for column in self.measures:
            name = self.names[column.name]
            yield self._line(name, name, f"Median of {column.name}")
        for column in self.truths:
            text = f"Share of {column.name} among rows that have a value"
            expression = f"{self.names[column.name]} / {self.counts[column.name]}"
            yield self._line(self._ratio(column, "share"), expression, text)
        for column in self.kinds:
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
        for column in self.unusable:
            kind = f"a {column.type}" if column.name not in self.used else "no value of a row here"
            yield f"left out, as no window is made of it: {column.name} is {kind}"
        if self.date_parts:
            names = ", ".join(column.name for column in self.date_parts)
            yield f"left out, as parts of a date have no useful sum: {names}"
        for group in self.too_many:
            names = ", ".join(column.name for column in group)
            yield (
                f"left out, as there are many columns of their type: {names}; choose with --values"
            )


def _aggregate(name: str, **fields: object) -> str:
    return f"    {name}: {one_line({'of': 'rows', **fields})}"


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

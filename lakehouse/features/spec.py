"""The declaration of a feature set, as plain data: the fields of `defs.yaml`.

Checks that need no table are here; `compile.py` checks the names and types of columns.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lakehouse.declarations.declaration import Declaration
from lakehouse.declarations.durations import Months, Period, format_period, longest
from lakehouse.declarations.names import Identifier, TableName
from lakehouse.declarations.part import FieldError, Part
from lakehouse.declarations.reserved import (
    FEATURE_TABLE_COLUMNS,
    FeatureName,
    TablePart,
    refuse_reserved,
)
from lakehouse.features.expressions import FeatureError, names_in
from lakehouse.features.ops import FIELDS, OPERATIONS, find_operation

Op = Annotated[
    str,
    AfterValidator(lambda name: find_operation(name).name),
    Field(json_schema_extra={"enum": list(OPERATIONS)}),
]

_RESERVED = frozenset({"t", "row", "id", "e", "event_time", "load_id"})
"""Names that expressions or the compiled SQL reserve."""


class Spine(Part):
    """Rows for which features are computed: one per `key`, decided at `time`."""

    name: TablePart
    table: TableName
    key: Identifier
    time: Identifier = "event_time"


class Aggregate(Part):
    """A window over a stream: rows of the entity with `0 < t - known_at < window`.

    `where` is an expression over the stream's columns; NULL counts as false. Every op that takes a
    `value` skips rows where it is NULL. For each `op` see `features/ops`.
    """

    of: Identifier
    op: Op
    value: Identifier | None = None
    where: str | None = None
    q: Decimal | None = Field(default=None, gt=0, lt=1)
    window: Period | tuple[Period, ...]

    @model_validator(mode="before")
    @classmethod
    def _bounded(cls, values: Any) -> Any:
        if isinstance(values, dict):
            if not values.get("window"):
                raise ValueError("a window is missing; windows are bounded: write `window: 30d`")
            if isinstance(values.get("q"), float):
                values = {**values, "q": str(values["q"])}
            if isinstance(values["window"], list):
                values = {**values, "window": tuple(values["window"])}
        return values

    @model_validator(mode="after")
    def _complete(self) -> Self:
        find_operation(self.op).check([f for f in FIELDS if getattr(self, f) is not None])
        if min(map(longest, self.windows)) <= timedelta() or len(set(self.windows)) < len(
            self.windows
        ):
            raise ValueError("windows must be longer than zero and listed without repetition")
        return self

    @property
    def windows(self) -> tuple[timedelta | Months, ...]:
        """The windows, one or several."""
        return self.window if isinstance(self.window, tuple) else (self.window,)

    @property
    def has_window_list(self) -> bool:
        """Whether `window` is a list: features over it are then repeated for each window."""
        return isinstance(self.window, tuple)


class Attribute(Part):
    """A column of a dimension, in its latest version known before t.

    `first_version: assumed` uses the first version for all earlier times, as a source without
    history needs; `known` gives NULL there. With `by` the dimension is that of another column of
    the spine than the entity, so one dimension can have several roles.
    """

    of: TableName
    column: Identifier
    by: Identifier | None = Field(
        default=None, description="Column of the spine that refers to the dimension; the entity"
    )
    key: Identifier | None = Field(
        default=None, description="Column of the dimension that `by` refers to; the same name"
    )
    first_version: Literal["assumed", "known"] = "known"


class FeatureExpression(Part):
    """A feature: an expression over aggregates, attributes, `row.<spine column>` and `t`."""

    expression: str
    description: str = ""


def _as_fields(value: Any) -> Any:
    return {"expression": str(value)} if isinstance(value, str | int | float) else value


class FeatureSetSpec(Declaration):
    """A named, versioned group of features of one entity, defined once for every spine.

    A feature that mentions aggregates with a list of windows is repeated for each window, named
    `<feature>_<window>`; all of them must then have the same list. One window of an aggregate is
    called `<aggregate>_<window>`; an aggregate with a single window also has its plain name.
    """

    name: TablePart
    entity: Identifier
    spines: tuple[Spine, ...] = Field(min_length=1)
    streams: dict[Identifier, TableName] = Field(default_factory=dict)
    aggregates: dict[Identifier, Aggregate] = Field(default_factory=dict)
    attributes: dict[Identifier, Attribute] = Field(default_factory=dict)
    features: dict[FeatureName, Annotated[FeatureExpression, BeforeValidator(_as_fields)]] = Field(
        min_length=1
    )

    def errors(self) -> Iterator[ValueError]:
        """Names that are undefined or ambiguous."""
        for name, aggregate in self.aggregates.items():
            if aggregate.of not in self.streams:
                known = ", ".join(self.streams) or "none"
                yield FieldError(
                    f"aggregate {name} is of {aggregate.of!r}, which is not a "
                    f"declared stream; known: {known}",
                    *("aggregates", name, "of"),
                )
            if aggregate.where is not None:
                try:
                    names_in(aggregate.where)
                except FeatureError as error:
                    yield FieldError(f"aggregate {name}: {error}", "aggregates", name, "where")
        scope = [name for a in self.aggregates for name in self.references(a)] + [*self.attributes]
        if _RESERVED.intersection(scope) or len(set(scope)) < len(scope):
            yield ValueError(
                "names of aggregates (also with their windows) and attributes must differ from "
                f"each other and from {', '.join(sorted(_RESERVED))}: {', '.join(sorted(scope))}"
            )
        if len({spine.name for spine in self.spines}) < len(self.spines):
            yield FieldError(
                "two spines have the same name, which their tables share; rename one", "spines"
            )
        yield from self._feature_errors()

    def _feature_errors(self) -> Iterator[ValueError]:
        used_names = {self.entity, *(spine.key for spine in self.spines)}
        for feature in self.features:
            try:
                names = [name for name, _ in self.outputs(feature)]
                refuse_reserved("feature", names, FEATURE_TABLE_COLUMNS)
                if duplicates := used_names.intersection(names):
                    raise ValueError(
                        f"feature {min(duplicates)} has the name of another column; rename it"
                    )
            except ValueError as error:
                yield FieldError(str(error), "features", feature)
            else:
                used_names |= {*names}

    def references(self, aggregate: str) -> dict[str, timedelta | Months]:
        """The names by which expressions refer to single windows of an aggregate."""
        declared = self.aggregates[aggregate]
        names = {f"{aggregate}_{format_period(w)}": w for w in declared.windows}
        return names if declared.has_window_list else {aggregate: declared.windows[0]}

    def outputs(self, feature: str) -> list[tuple[str, dict[str, str]]]:
        """The columns of a feature, each with the meaning of its expression's bare names."""
        text = self.features[feature].expression
        bare = [
            n for n in names_in(text) if n in self.aggregates and self.aggregates[n].has_window_list
        ]
        if not bare:
            return [(feature, {})]
        windows = {name: self.aggregates[name].windows for name in bare}
        if len(set(windows.values())) > 1:
            raise ValueError(
                f"feature {feature} mixes aggregates with different windows "
                f"({', '.join(bare)}); name one window of each, such as {bare[0]}_"
                f"{format_period(windows[bare[0]][0])}"
            )
        suffixes = [format_period(window) for window in windows[bare[0]]]
        return [(f"{feature}_{s}", {name: f"{name}_{s}" for name in bare}) for s in suffixes]

    def spine(self, name: str | None = None) -> Spine:
        """The spine called `name`; the first one by default. Raises `ValueError`."""
        for spine in self.spines:
            if name is None or spine.name == name:
                return spine
        known = ", ".join(spine.name for spine in self.spines)
        raise ValueError(f"feature set {self.name} has no spine {name!r}; known: {known}")

    @property
    def longest_window(self) -> timedelta:
        """The longest time over which a row affects features."""
        windows = (longest(w) for a in self.aggregates.values() for w in a.windows)
        return max(windows, default=timedelta())

    @property
    def upstream_tables(self) -> tuple[str, ...]:
        """Every table that it reads, sorted: spines, streams and dimensions."""
        dimensions = {attribute.of for attribute in self.attributes.values()}
        spines = {spine.table for spine in self.spines}
        return tuple(sorted(spines | {*self.streams.values()} | dimensions))

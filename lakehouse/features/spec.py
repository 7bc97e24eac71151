"""What a person declares about a feature set, as plain data: the fields of `defs.yaml`.

What needs no table is checked here; names and types of columns are checked in `compile.py`.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from lakehouse.durations import Duration, format_duration
from lakehouse.features.expressions import names_in
from lakehouse.features.ops import FIELDS, OPERATIONS, find_operation
from lakehouse.reserved import BESIDE_FEATURES, FeatureName, TablePart, refuse_reserved

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
Op = Annotated[
    str,
    AfterValidator(lambda name: find_operation(name).name),
    Field(json_schema_extra={"enum": list(OPERATIONS)}),
]

_TAKEN = frozenset({"t", "row", "id", "e", "late", "event_time", "load_id"})
"""Names that expressions or the compiled SQL use themselves."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Spine(_Part):
    """Rows for which features are computed: one per `key`, decided at `time`."""

    name: TablePart
    table: TableName
    key: Identifier
    time: Identifier = "event_time"


class Aggregate(_Part):
    """A window over a stream: rows of the entity with `0 < t - known_at < window`.

    `where` is an expression over the stream's columns; NULL counts as false. Rows whose `value` is
    NULL are left out by every op that takes one. What each `op` takes and gives: `features/ops`.
    """

    of: Identifier
    op: Op
    value: Identifier | None = None
    where: str | None = None
    q: Decimal | None = Field(default=None, gt=0, lt=1)
    window: Duration | tuple[Duration, ...]

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
        if min(self.windows) <= timedelta() or len(set(self.windows)) < len(self.windows):
            raise ValueError("windows must be longer than nothing, and each given once")
        return self

    @property
    def windows(self) -> tuple[timedelta, ...]:
        """The windows, one or several."""
        return self.window if isinstance(self.window, tuple) else (self.window,)

    @property
    def parallel(self) -> bool:
        """Whether a list of windows was given: features over it come once per window."""
        return isinstance(self.window, tuple)


class Attribute(_Part):
    """A column of a dimension, in its latest version known before t.

    `first_version: assumed` takes the first version for every earlier time, which a source without
    history needs; `known` gives NULL there.
    """

    of: TableName
    column: Identifier
    first_version: Literal["assumed", "known"] = "known"


class FeatureExpression(_Part):
    """A feature: an expression over aggregates, attributes, `row.<spine column>` and `t`."""

    expression: str
    description: str = ""


def _spelt_out(value: Any) -> Any:
    return {"expression": str(value)} if isinstance(value, str | int | float) else value


class Freshness(_Part):
    """How old the set may get."""

    warn: Duration | None = None
    fail: Duration


class FeatureSetSpec(_Part):
    """A named, versioned group of features of one entity, defined once for every spine.

    A feature that mentions aggregates with a list of windows comes once per window, named
    `<feature>_<window>`; all of them must then have the same list. One window of an aggregate is
    named as `<aggregate>_<window>`, and an aggregate with a single window by its own name too.
    """

    name: TablePart
    description: str
    owners: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    freshness: Freshness | None = None

    entity: Identifier
    spines: tuple[Spine, ...] = Field(min_length=1)
    streams: dict[Identifier, TableName] = Field(default_factory=dict)
    aggregates: dict[Identifier, Aggregate] = Field(default_factory=dict)
    attributes: dict[Identifier, Attribute] = Field(default_factory=dict)
    features: dict[FeatureName, Annotated[FeatureExpression, BeforeValidator(_spelt_out)]] = Field(
        min_length=1
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, aggregate in self.aggregates.items():
            if aggregate.of not in self.streams:
                known = ", ".join(self.streams) or "none"
                raise ValueError(
                    f"aggregate {name} is of {aggregate.of!r}, which is no stream; known: {known}"
                )
        scope = [name for a in self.aggregates for name in self.references(a)] + [*self.attributes]
        if _TAKEN.intersection(scope) or len(set(scope)) < len(scope):
            raise ValueError(
                "names of aggregates (also with their windows) and attributes must differ from "
                f"each other and from {', '.join(sorted(_TAKEN))}: {', '.join(sorted(scope))}"
            )
        names = [name for feature in self.features for name, _ in self.outputs(feature)]
        refuse_reserved("feature", names, BESIDE_FEATURES)
        reserved = {self.entity, *(spine.key for spine in self.spines)}
        twice = sorted({name for name in names if name in reserved or names.count(name) > 1})
        if twice:
            raise ValueError(f"feature {twice[0]} has the name of another column; rename it")
        if len({spine.name for spine in self.spines}) < len(self.spines):
            raise ValueError("two spines have the same name; their tables would be one")
        return self

    def references(self, aggregate: str) -> dict[str, timedelta]:
        """The names by which expressions reach single windows of an aggregate."""
        declared = self.aggregates[aggregate]
        names = {f"{aggregate}_{format_duration(w)}": w for w in declared.windows}
        return names if declared.parallel else {aggregate: declared.windows[0]}

    def outputs(self, feature: str) -> list[tuple[str, dict[str, str]]]:
        """The columns of a feature: each with what its expression's bare names stand for there."""
        text = self.features[feature].expression
        bare = [n for n in names_in(text) if n in self.aggregates and self.aggregates[n].parallel]
        if not bare:
            return [(feature, {})]
        windows = {name: self.aggregates[name].windows for name in bare}
        if len(set(windows.values())) > 1:
            raise ValueError(
                f"feature {feature} mixes aggregates with different windows "
                f"({', '.join(bare)}); name one window of each, such as {bare[0]}_"
                f"{format_duration(windows[bare[0]][0])}"
            )
        suffixes = [format_duration(window) for window in windows[bare[0]]]
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
        """How far back a row can be felt."""
        windows = (w for a in self.aggregates.values() for w in a.windows)
        return max(windows, default=timedelta())

    @property
    def upstream_tables(self) -> tuple[str, ...]:
        """Every table it reads, sorted: spines, streams and dimensions."""
        dimensions = {attribute.of for attribute in self.attributes.values()}
        spines = {spine.table for spine in self.spines}
        return tuple(sorted(spines | {*self.streams.values()} | dimensions))

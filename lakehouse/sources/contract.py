"""The contract of a source: its columns, its key, and what happens when columns change."""

from functools import cached_property
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from lakehouse.declarations.names import Identifier
from lakehouse.declarations.part import FieldError, Part
from lakehouse.sources.column_types import ColumnType, column_type

SYSTEM_COLUMNS = ("_file", "_row", "_load_id", "_loaded_at", "known_at")
"""The columns that raw adds to the declared ones."""


class Column(Part):
    """One column of raw. `from` is its name in the source, if different.

    A file that lacks the column is a change of the source, unless it is `optional`. A DECIMAL with
    `from_float` was computed in binary floats, and their small noise is rounded away. `pii: token`
    keeps a keyed token instead of the value, `pii: drop` nothing at all; `expression` computes a
    column from the source's columns, including dropped ones, in DuckDB's SQL. An expression over
    personal columns describes in `reveals` what it discloses, for people who read the contract.
    """

    name: Identifier
    type: str
    description: str = Field(min_length=1)
    source: str = Field(default="", alias="from")
    nullable: bool = True
    optional: bool = False
    from_float: bool = False
    values: tuple[str, ...] = ()
    minimum: int | float | str | None = None
    maximum: int | float | str | None = None
    pii: Literal["token", "drop"] | None = None
    expression: str = ""
    reveals: str = ""

    @field_validator("type")
    @classmethod
    def _known_type(cls, text: str) -> str:
        return column_type(text).name

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        if self.name in SYSTEM_COLUMNS:
            raise ValueError(f"{self.name} is a column that the loader adds; choose another name")
        if self.expression and (self.source or self.pii):
            raise ValueError(f"{self.name} has an expression; it takes neither `from` nor `pii`")
        self._check_bounds()
        if self.from_float and not self.type.startswith("DECIMAL"):
            raise ValueError(f"{self.name} is {self.type}; only a DECIMAL takes `from_float`")
        if self.reveals and not self.expression:
            raise ValueError(f"{self.name} has no expression; only an expression has `reveals`")
        return self

    def _check_bounds(self) -> None:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        if bounds and self.type in ("VARCHAR", "BOOLEAN"):
            raise ValueError(f"{self.name} is {self.type}, which has no minimum or maximum")
        for value in (*bounds, *self.values):
            if self.kind.exact(str(value)) is None:
                raise ValueError(
                    f"{value!r} in `minimum`, `maximum` or `values` is not a valid {self.type}"
                )

    @property
    def origin(self) -> str:
        """The column's name in the source."""
        return self.source or self.name

    @property
    def kind(self) -> ColumnType:
        """The column's type, which also converts values."""
        return column_type(self.type, from_float=self.from_float)

    @property
    def raw_type(self) -> str:
        """The column's type in raw: a token is text."""
        return "VARCHAR" if self.pii == "token" else self.type


class Contract(Part):
    """The rows that a source promises. Rows that break the contract are quarantined.

    A file that lacks a declared column is quarantined under `on_change: freeze`, and reported under
    `discard`.
    """

    columns: tuple[Column, ...] = Field(min_length=1)
    key: tuple[str, ...] = Field(
        default=(),
        description="Columns that identify a thing and may not be NULL. Raw may have several rows "
        "of a key: later versions, and repetitions. Without a key, a row is identified by its file "
        "and row number",
    )
    declared_time: str = Field(
        default="",
        description="Column with the time at which the source published the row; without it, a "
        "row is known at its file's seal",
    )
    on_change: Literal["evolve", "freeze", "discard"] = Field(
        default="freeze",
        description="What happens to undeclared columns: `freeze` quarantines the file, `evolve` "
        "adds them to raw as text, `discard` leaves them out",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [column.name for column in self.columns]
        if duplicates := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"columns declared twice: {', '.join(sorted(duplicates))}")
        times = (self.declared_time,) if self.declared_time else ()
        for field, named in (("key", self.key), ("declared_time", times)):
            for name in named:
                if name not in names:
                    raise FieldError(f"{name!r} is not one of the columns", field)
        if times and self.column(self.declared_time).type != "TIMESTAMP":
            raise FieldError(f"{self.declared_time!r} is not a TIMESTAMP", "declared_time")
        if self.personal and self.on_change == "evolve":
            raise ValueError(
                "a contract with personal data cannot `evolve`: a new column could bring more of "
                "it into the lake unnoticed; set `on_change` to `freeze` or `discard`"
            )
        if self.expressions:
            from lakehouse.sources.checking import compile_expressions

            compile_expressions(self)
        if self.expressions or self.personal:
            from lakehouse.sources.expressions import check_expressions

            check_expressions(self)
        return self

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]

    @cached_property
    def read(self) -> tuple[Column, ...]:
        """The columns that come from the source."""
        return tuple(column for column in self.columns if not column.expression)

    @cached_property
    def expressions(self) -> tuple[Column, ...]:
        """The columns computed while loading."""
        return tuple(column for column in self.columns if column.expression)

    @cached_property
    def stored(self) -> tuple[Column, ...]:
        """The columns of the raw table."""
        return tuple(column for column in self.columns if column.pii != "drop")

    @cached_property
    def personal(self) -> tuple[Column, ...]:
        """The columns with personal data."""
        return tuple(column for column in self.columns if column.pii)

    @property
    def has_deletes(self) -> bool:
        """Whether rows may be deletes (`op` = `delete`), which require only the key.

        Without a key a delete would identify nothing, so `op` is a column like any other.
        """
        return bool(self.key) and any(column.name == "op" for column in self.read)

    def is_required(self, column: Column) -> bool:
        """Whether a row without this column breaks the contract."""
        return not column.nullable or column.name in self.key

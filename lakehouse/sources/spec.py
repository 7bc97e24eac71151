"""The YAML declaration of a source: where it comes from, its contract, its owners."""

import codecs
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from lakehouse.declarations.declaration import Declaration, Owner
from lakehouse.declarations.durations import Duration
from lakehouse.declarations.names import Identifier
from lakehouse.declarations.part import Part
from lakehouse.declarations.yaml_file import read_attributes
from lakehouse.lake import Table
from lakehouse.lake.layout import RAW
from lakehouse.sources.connectors.registry import AnyConnector
from lakehouse.sources.contract import Contract


class SealPattern(Part):
    """How a file's name gives the time up to which the source is complete with it.

    The first group of `regex`, searched in the path below the source's folder, is read with
    `strptime` as UTC; `offset` is added (for a file named after its day: `23h59m59s999999us`). A
    file whose seal is `furthest` or more ahead of every other input is set aside: a wrong year in a
    name would otherwise hold back everything for that long.
    """

    regex: str = r"(?:^|/)(\d{8}T\d{12}Z)"
    strptime: str = "%Y%m%dT%H%M%S%fZ"
    offset: Duration = timedelta()
    furthest: Duration = timedelta(days=365)

    @field_validator("regex")
    @classmethod
    def _one_group(cls, regex: str) -> str:
        try:
            groups = re.compile(regex).groups
        except re.error as error:
            raise ValueError(f"{regex!r} is not a regular expression: {error}") from None
        if groups < 1:
            raise ValueError(f"{regex!r} has no group; put the time into parentheses")
        return regex

    def read(self, name: str) -> datetime | None:
        """The seal in `name` (UTC, naive, inclusive), or None if there is none."""
        match = re.search(self.regex, name)
        if match is None:
            return None
        try:
            return datetime.strptime(match[1], self.strptime) + self.offset
        except ValueError:
            return None


class Volume(Part):
    """The expected rows of each file; fewer are reported, not refused."""

    min_rows: int = Field(default=0, ge=0)


class SourceSpec(Declaration):
    """One source: where it comes from, its contract, its owners."""

    name: Identifier
    description: str = Field(min_length=1)
    owners: tuple[Owner, ...] = Field(min_length=1)
    connector: AnyConnector
    format: Literal["jsonl", "csv", "parquet"] | None = Field(
        default=None, description="Format of the landed files; default: by the ending of each name"
    )
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = Field(default="utf-8", description="Encoding of texts, by its name in Python")
    contract: Contract
    seal_pattern: SealPattern = Field(default_factory=SealPattern)
    volume: Volume = Field(default_factory=Volume)

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise ValueError(f"unknown encoding {encoding!r}; try utf-8 or cp1252") from error
        return encoding

    @model_validator(mode="after")
    def _suits_its_connector(self) -> Self:
        self.connector.check(self.contract)
        return self

    @property
    def table(self) -> Table:
        """The table in the lake: `raw.<name>`."""
        return RAW.table(self.name)


def load_spec(path: Path) -> SourceSpec:
    """The source declared in the `attributes` of `path`.

    Raises:
        SpecError: with file, line and field, when it is not valid YAML or not a valid source.
    """
    return read_attributes(path, SourceSpec)

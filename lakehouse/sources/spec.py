"""The YAML declaration of a source: where it comes from, its contract, its owners."""

import codecs
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from lakehouse.declarations.declaration import Declaration, Owner
from lakehouse.declarations.names import Identifier
from lakehouse.declarations.part import FieldError, Part
from lakehouse.declarations.yaml_file import read_attributes
from lakehouse.lake import ALWAYS, Table
from lakehouse.lake.layout import RAW
from lakehouse.sources.connectors.files import FilesConnector
from lakehouse.sources.connectors.registry import AnyConnector
from lakehouse.sources.contract import Contract
from lakehouse.sources.landing.files import LandedFile
from lakehouse.sources.local_times import ClockChange, LocalTimes
from lakehouse.sources.seals import Seal, SealPattern


class Volume(Part):
    """The expected rows of each file; fewer are reported, not refused."""

    min_rows: int = Field(default=0, ge=0)


class SourceSpec(Declaration):
    """One source: where it comes from, its contract, its owners."""

    name: Identifier
    description: str = Field(min_length=1)
    owners: tuple[Owner, ...] = Field(
        default=(), description="E-mail addresses or `team:<name>`; default: `team:<domain>`"
    )
    connector: AnyConnector = Field(default_factory=FilesConnector)
    format: Literal["jsonl", "csv", "parquet"] | None = Field(
        default=None, description="Format of the landed files; default: by the ending of each name"
    )
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = Field(default="utf-8", description="Encoding of texts, by its name in Python")
    timezone: str = Field(
        default="",
        description="Zone (`Europe/Vienna`) of times without an offset or a zone, in rows and in "
        "file names; default: UTC",
    )
    clock_change: ClockChange = Field(
        default="reject",
        description="What happens to a row with a local time that a clock change repeats or skips: "
        "it is set aside, or the earlier or later of the two possible moments counts",
    )
    complete: Literal["sealed", "always"] = Field(
        default="sealed",
        description="`always`: a static lookup, which nothing waits for once its first file is "
        "loaded; a later file is known only from its landing on",
    )
    repeated_files: Literal["skip", "load"] = Field(
        default="skip",
        description="What happens to a delivered file with the bytes of a loaded one: `load` it "
        "only if equal files are different facts, such as a daily count",
    )
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

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            if name:
                ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"unknown time zone {name!r}; write its IANA name, such as Europe/Vienna or UTC"
            ) from None
        return name

    @model_validator(mode="after")
    def _suits_its_connector(self) -> Self:
        self.connector.check(self.contract)
        if self.timezone and self.connector.has_utc_times:
            raise FieldError(
                f"times of a {self.connector.kind} source are in UTC already: convert local times "
                "in a view, and remove `timezone`",
                "timezone",
            )
        if self.clock_change != "reject" and not self.timezone:
            raise FieldError("`clock_change` needs a `timezone`", "clock_change")
        return self

    @property
    def table(self) -> Table:
        """The table in the lake: `raw.<name>`."""
        return RAW.table(self.name)

    @cached_property
    def local_times(self) -> LocalTimes | None:
        """The source's own time zone, if it is declared."""
        return LocalTimes(self.timezone, self.clock_change) if self.timezone else None

    @property
    def is_static(self) -> bool:
        """Whether it is a lookup that nothing waits for."""
        return self.complete == "always"

    def named_seal(self, name: str) -> datetime | None:
        """The seal (UTC, naive, inclusive) in the name of a landed file, or None."""
        seal = self.seal_pattern.read(name, self.local_times)
        return seal.time if seal else None

    def seal_of(self, file: LandedFile) -> Seal | None:
        """The seal in the file's name or else, for delivered files, the time at which it landed.

        None if the name must have a seal and has none.
        """
        if seal := self.seal_pattern.read(file.name, self.local_times):
            return seal
        if not self.connector.is_delivered or not self.seal_pattern.allows_arrival(file.name):
            return None
        return Seal(
            file.landed, f"the time at which it landed, {file.landed:%Y-%m-%d %H:%M:%S} (UTC)"
        )


def complete_until(spec: SourceSpec, seal: datetime | None) -> datetime | None:
    """The time up to which raw is complete, given its newest file's seal: always for a lookup."""
    return ALWAYS if spec.is_static and seal is not None else seal


def load_spec(path: Path) -> SourceSpec:
    """The source declared in the `attributes` of `path`.

    Raises:
        SpecError: with file, line and field, when it is not valid YAML or not a valid source.
    """
    return read_attributes(path, SourceSpec)

"""The base of every spec: its name, its owners, and where it was declared."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PrivateAttr

from lakehouse.declarations.freshness import Freshness
from lakehouse.declarations.part import Part
from lakehouse.declarations.place import Place

_E_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
_TAG = re.compile(r"([\w.-]{1,63}/)?[\w.-]{1,63}", re.ASCII)
_TAG_VALUE = re.compile(r"[\w.-]{0,63}", re.ASCII)


def _check_owner(owner: str) -> str:
    if not _E_MAIL.fullmatch(owner) and not re.fullmatch(r"team:.+", owner):
        raise ValueError(f"owner {owner!r} is neither an e-mail address nor `team:<name>`")
    return owner


def _check_tag(name: str) -> str:
    if not _TAG.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a valid tag; write at most 63 letters, digits, `_`, `-` and `.`"
        )
    return name


def _check_tag_value(value: str) -> str:
    if not _TAG_VALUE.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a valid tag value; write at most 63 letters, digits, `_`, `-` and "
            "`.`"
        )
    return value


Owner = Annotated[str, AfterValidator(_check_owner)]
"""An e-mail address or `team:<name>`, as Dagster requires."""

Tags = dict[
    Annotated[str, AfterValidator(_check_tag)], Annotated[str, AfterValidator(_check_tag_value)]
]
"""Labels of an asset, as Dagster requires."""


class Declaration(Part):
    """The fields that every spec has."""

    name: str
    description: str
    owners: tuple[Owner, ...] = ()
    tags: Tags = Field(default_factory=dict)
    freshness: Freshness | None = None

    _place: Place = PrivateAttr(default=Place())

    @property
    def place(self) -> Place:
        """Where it was declared; empty if it was created in Python."""
        return self._place

    def with_place(self, place: Place) -> Self:
        """A copy of the declaration, located at `place`; by default, its domain's team owns it."""
        owners = self.owners or ((f"team:{place.domain}",) if place.domain else ())
        copy = self.model_copy(update={"owners": owners} if owners != self.owners else None)
        copy._place = place
        return copy

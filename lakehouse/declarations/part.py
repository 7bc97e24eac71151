"""The base of every group of fields in `defs.yaml`, and the error of one of its fields."""

from collections.abc import Iterable, Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


class FieldError(ValueError):
    """Something wrong with one field of a declaration.

    `path` leads to the field from the part that raises it: names, and numbers in lists.
    """

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


class FieldErrors(ValueError):
    """Several errors at once, so that a person can correct all of them before the next try."""

    def __init__(self, errors: Iterable[ValueError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(map(str, self.errors)))


class Part(BaseModel):
    """A group of fields: unknown ones are errors, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _without_errors(self) -> Self:
        if errors := tuple(self.errors()):
            raise FieldErrors(errors)
        return self

    def errors(self) -> Iterator[ValueError]:
        """What is wrong between the fields, each of which is valid; all of it is reported."""
        yield from ()

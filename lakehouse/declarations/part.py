"""The base of every group of fields in `defs.yaml`, and the error of a single field."""

from collections.abc import Iterable, Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


class FieldError(ValueError):
    """An error in one field of a declaration.

    `path` leads to the field from the part that raises it: names, and indices in lists.
    """

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


class FieldErrors(ValueError):
    """Several errors at once, so that a person can correct all of them in one edit."""

    def __init__(self, errors: Iterable[ValueError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(map(str, self.errors)))


class Part(BaseModel):
    """An immutable group of fields that rejects unknown ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _without_errors(self) -> Self:
        if errors := tuple(self.errors()):
            raise FieldErrors(errors)
        return self

    def errors(self) -> Iterator[ValueError]:
        """Errors across fields that are valid individually; all of them are reported."""
        yield from ()

"""Errors that several files of the lake raise."""

from lakehouse.errors import LakehouseError


class LakeError(LakehouseError):
    """The lake cannot be opened, or its content is invalid."""

"""Errors of the lake that more than one file raises."""

from lakehouse.errors import LakehouseError


class LakeError(LakehouseError):
    """The lake cannot be opened, or holds something that it should not."""

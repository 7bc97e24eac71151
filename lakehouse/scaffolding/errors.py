"""The error of a proposal that cannot be made."""

from lakehouse.errors import LakehouseError


class ScaffoldingError(LakehouseError):
    """A name that is taken or not valid, or data that allow no proposal; the message has the
    remedy."""

"""The two base classes of every error that this package raises deliberately."""

from lakehouse.redaction import redact


class LakehouseError(Exception):
    """An error that a person can fix.

    The message names the thing (file, row, column, setting) and the remedy. The command line prints
    it as one sentence; any other exception is a bug and shows its traceback. The message contains
    no secrets, even where it quotes another error that does.
    """

    def __str__(self) -> str:
        return redact(super().__str__())


class Transient(LakehouseError):
    """A temporary failure: a time-out, a server that is down, a held lock.

    The caller may retry the step after a while; any other error would only occur again.
    """

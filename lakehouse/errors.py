"""The two bases of every error this package raises on purpose."""

from lakehouse.redaction import redact


class LakehouseError(Exception):
    """Something a person can mend.

    The message names the thing (file, row, column, setting) and the remedy. The command line prints
    it as one sentence; everything else is a bug and shows its traceback. It shows no secret, also
    where it quotes another error that does.
    """

    def __str__(self) -> str:
        return redact(super().__str__())


class Transient(LakehouseError):
    """Something that may pass by itself: a time-out, a server that is down, a lock that is held.

    Whoever runs the step may try again after a while; any other error would only come back.
    """

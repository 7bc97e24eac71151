"""The two bases of every error this package raises on purpose."""


class LakehouseError(Exception):
    """Something a person can mend.

    The message names the thing (file, row, column, setting) and the remedy. The command line prints
    it as one sentence; everything else is a bug and shows its traceback.
    """


class Transient(LakehouseError):
    """Something that may pass by itself: a time-out, a server that is down, a lock that is held.

    Whoever runs the step may try again after a while; any other error would only come back.
    """

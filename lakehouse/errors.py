"""The one base of every error this package raises on purpose."""


class LakehouseError(Exception):
    """Something a person can mend.

    The message names the thing (file, row, column, setting) and the remedy. The command line prints
    it as one sentence; everything else is a bug and shows its traceback.
    """

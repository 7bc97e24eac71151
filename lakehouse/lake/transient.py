"""Which errors may pass by themselves: the marked ones, and those of DuckDB that say so.

DuckDB has no classes for a server that is down or a store that is busy, only words.
"""

import re

import duckdb

from lakehouse.errors import Transient

_WORDS = re.compile(
    # a connection that was lost before has no message of its own
    r"(?s:Failed to (?:execute|prepare) .*\": *\Z)|"
    r"HTTP (code )?(429|5\d\d)\b|could not connect to server|is the server running"
    r"|server closed the connection|connection has been closed|no connection to the server"
    r"|could not (?:send data to|receive data from) server"
    r"|connection (refused|reset)|terminating connection"
    r"|temporary failure in name resolution|time-?out|timed out|database is locked"
    r"|too many (clients|connections)|database system is (starting|shutting|in recovery)",
    re.IGNORECASE,
)


def sounds_transient(text: str) -> bool:
    """Whether the text of an error of DuckDB's says that it may pass."""
    return bool(_WORDS.search(text))


def is_retryable(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, is worth another attempt after a while.

    True for `Transient`, lost connections and time-outs, HTTP 429 and 5xx, and a database that is
    down or busy. Anything else (a broken contract, a full disk, a bad password) would come back.
    """
    while error is not None:
        if isinstance(error, Transient | ConnectionError | TimeoutError):
            return True
        if isinstance(error, duckdb.Error) and sounds_transient(str(error)):
            return True
        error = error.__cause__
    return False

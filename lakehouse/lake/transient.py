"""Which errors are transient: `Transient`, and those of DuckDB with a matching message.

DuckDB has no classes for an unreachable server or a busy store, only messages.
"""

import re

import duckdb

from lakehouse.errors import Transient

_MESSAGES = re.compile(
    # a connection that was already lost has an empty message
    r"(?s:Failed to (?:execute|prepare) .*\": *\Z)|"
    r"HTTP (code )?(429|5\d\d)\b|could not connect to server|is the server running"
    r"|server closed the connection|connection has been closed|no connection to the server"
    r"|could not (?:send data to|receive data from) server"
    r"|connection (refused|reset)|terminating connection"
    r"|temporary failure in name resolution|time-?out|timed out|database is locked"
    r"|too many (clients|connections)|database system is (starting|shutting|in recovery)",
    re.IGNORECASE,
)


def is_transient_message(text: str) -> bool:
    """Whether the message of a DuckDB error describes a transient failure."""
    return bool(_MESSAGES.search(text))


def is_retryable(error: BaseException | None) -> bool:
    """Whether `error`, or its cause, is worth a retry after a while.

    True for `Transient`, lost connections and time-outs, HTTP 429 and 5xx, and a database that is
    down or busy. Anything else (a broken contract, a full disk, a bad password) would fail again.
    """
    while error is not None:
        if isinstance(error, Transient | ConnectionError | TimeoutError):
            return True
        if isinstance(error, duckdb.Error) and is_transient_message(str(error)):
            return True
        error = error.__cause__
    return False

"""A signal ends a query at once and never gets lost, and nothing is committed."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import duckdb
import pytest

from lakehouse.lake import Author, Lake

AUTHOR = Author("raw/t")
ENDLESS = "SELECT max(hash(a.range, b.range)) FROM range(2000000) a, range(200000) b"
"""A query that takes minutes."""
BOUND = f"{ENDLESS} WHERE a.range > ?"
TIMEOUT = 20.0
"""Seconds after which the test ends a query and counts it as not interrupted."""


class Stopped(BaseException):
    """Like Dagster's own exception for an interrupted run, which is not an `Exception` either."""


@pytest.fixture(autouse=True)
def raising_handler() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGINT, stop)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def signalled(lake: Lake) -> Iterator[None]:
    """Send a signal during the next query; end the query later even if the signal is lost."""
    with lake.reader():  # opening the lake takes a moment
        pass
    interrupt = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    yield
    interrupt.cancel()
    interrupt.join()


def execute(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
    timeout = threading.Timer(TIMEOUT, cursor.interrupt)
    timeout.start()
    try:
        cursor.execute(query, [1] if "?" in query else None)
    finally:
        timeout.cancel()


@pytest.mark.parametrize("query", [ENDLESS, BOUND])
def test_the_handlers_exception_ends_the_query_and_leaves_the_block(
    lake: Lake, signalled: None, query: str
) -> None:
    started = time.monotonic()
    with pytest.raises(Stopped):
        with lake.reader() as cursor:
            execute(cursor, query)
    assert time.monotonic() - started < TIMEOUT / 2


@pytest.mark.parametrize("query", [ENDLESS, BOUND])
def test_nothing_is_committed_if_the_error_of_an_interrupted_query_is_suppressed(
    lake: Lake, signalled: None, query: str
) -> None:
    with pytest.raises(Stopped):
        with lake.cursor() as cursor:
            with suppress(Exception):
                execute(cursor, query)
            with lake.writer(AUTHOR, cursor) as writing:
                writing.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
    assert not lake.exists("raw.t")


def test_the_lake_works_afterwards_and_the_handler_is_restored(lake: Lake, signalled: None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped):
        with lake.reader() as outer, lake.reader() as inner:
            outer.execute("SELECT 1")
            execute(inner, BOUND)
    assert signal.getsignal(signal.SIGINT) is handler
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
    assert lake.rows("raw.t") == 1


def test_a_handler_that_does_not_raise_interrupts_nothing(lake: Lake) -> None:
    noted: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    with lake.reader() as cursor:
        os.kill(os.getpid(), signal.SIGINT)
        assert cursor.execute("SELECT sum(range) FROM range(?)", [10]).fetchall() == [(45,)]
    assert noted == [signal.SIGINT]


def test_a_lake_in_another_thread_changes_no_signal_handler(lake: Lake) -> None:
    handler, seen = signal.getsignal(signal.SIGINT), []

    def read_handler() -> None:
        with lake.reader():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=read_handler)
    thread.start()
    thread.join()
    assert seen == [handler]

"""Signals that must not get lost: what their handler raised is kept, and a query is broken off.

DuckDB 1.5.5 runs signal handlers during a query, but loses what they raise: a query with bound
values goes on to its end as if nothing had come, any other raises `RuntimeError` instead. So may
whatever calls Python from C. Whose handler it is (Python's, Dagster's) does not matter here.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import duckdb

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """What signal handlers raised inside `kept`, until it has been raised again."""

    def __init__(self) -> None:
        self._raised: BaseException | None = None

    def raise_again(self) -> None:
        """Raise what a handler raised and may be lost; nothing if there was nothing."""
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised

    @contextmanager
    def kept(self, cursor: duckdb.DuckDBPyConnection | None = None) -> Iterator[None]:
        """What a handler raises inside leaves the block, whatever became of it there.

        The query of `cursor` is broken off at once. Python runs handlers in the main thread alone;
        in any other one this does nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {number: signal.getsignal(number) for number in SIGNALS}

        def handle(number: int, frame: FrameType | None) -> None:
            handler = handlers[signal.Signals(number)]
            assert callable(handler)
            try:
                handler(number, frame)
            except BaseException as error:
                self._raised = error
                if cursor is not None:
                    cursor.interrupt()
                raise

        for number, handler in handlers.items():
            if callable(handler):
                signal.signal(number, handle)
        try:
            yield
        except Exception:
            self.raise_again()
            raise
        except BaseException:
            self._raised = None
            raise
        else:
            self.raise_again()
        finally:
            for number, handler in handlers.items():
                if signal.getsignal(number) is handle:  # nobody has put another one in its place
                    signal.signal(number, handler)

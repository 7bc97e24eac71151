"""Keep signals from getting lost: store what their handler raised, and interrupt the query.

DuckDB 1.5.5 runs signal handlers during a query but loses the exceptions they raise: a query with
bound values runs to its end as if there had been no signal, any other raises `RuntimeError`
instead. Other C code that calls Python can do the same. This works with any handler (Python's or
Dagster's).
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import duckdb

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Exceptions that signal handlers raised inside `guard` and that were not raised again yet."""

    def __init__(self) -> None:
        self._raised: BaseException | None = None

    def reraise(self) -> None:
        """Raise what a handler raised, as it may be lost; do nothing if there was no signal."""
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised

    @contextmanager
    def guard(self, cursor: duckdb.DuckDBPyConnection | None = None) -> Iterator[None]:
        """Raise at the end of the block what a handler raised inside, even if the block lost it.

        A signal interrupts the query of `cursor` at once. Python runs handlers in the main thread
        only; in other threads this does nothing.
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
            self.reraise()
            raise
        except BaseException:
            self._raised = None
            raise
        else:
            self.reraise()
        finally:
            for number, handler in handlers.items():
                if signal.getsignal(number) is handle:  # unless the block installed another handler
                    signal.signal(number, handler)

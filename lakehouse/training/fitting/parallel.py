"""Independent fits in parallel, each on its share of the threads.

A tree's split ends with a barrier for LightGBM's threads, so two fits on one thread each take less
time than one after the other on two. Nothing else that calls LightGBM belongs here.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from threading import Event
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_CANCELLED: ContextVar[Event | None] = ContextVar("cancelled", default=None)


class Cancelled(Exception):
    """The result of this fit is no longer needed."""


ROWS_PER_THREAD = 100_000
"""With fewer rows a further thread costs more processor time than it saves wall time."""


def useful_threads(threads: int, rows: int) -> int:
    """How many of the threads a single fit of so many rows should use."""
    return max(1, min(threads, rows // ROWS_PER_THREAD))


def fit_each(
    fit: Callable[[Item, int], Result], items: Sequence[Item], threads: int
) -> Generator[Result]:
    """The results of `fit(item, its threads)` in the order of `items`, which start in that order.

    Each fit gets the same number of threads, and has to give it to all of LightGBM's functions,
    because LightGBM keeps the last number for the whole process. A caller that stops iterating, or
    an error, cancels the other fits.
    """
    share = max(1, threads // max(1, len(items)))
    workers = min(len(items), threads // share)
    if workers <= 1:
        yield from (fit(item, share) for item in items)
        return
    cancelled = Event()
    with ThreadPoolExecutor(workers, initializer=_CANCELLED.set, initargs=(cancelled,)) as pool:
        waiting = [pool.submit(fit, item, share) for item in items]
        try:
            for result in waiting:
                yield result.result()
        finally:
            cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)


def stop_if_cancelled(_: Any) -> None:
    """A callback for LightGBM that ends a cancelled fit after a round."""
    cancelled = _CANCELLED.get()
    if cancelled is not None and cancelled.is_set():
        raise Cancelled

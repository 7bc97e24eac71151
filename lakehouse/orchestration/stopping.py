"""Steps that react to every signal, at any point."""

from collections.abc import Callable, Generator, Iterator
from functools import wraps
from typing import Any, ParamSpec

from lakehouse.lake import Interrupts

_Arguments = ParamSpec("_Arguments")


def stoppable(
    step: Callable[_Arguments, Iterator[Any]],
) -> Callable[_Arguments, Generator[Any, None, None]]:
    """Wrap the body of a step: raise a signal that got lost in it before its next event or its end.

    Dagster installs a raising handler anew for each event that it requests from the body.
    """

    @wraps(step)
    def body(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Generator[Any, None, None]:
        events = step(*args, **kwargs)
        try:
            while True:
                with Interrupts().guard():
                    event = next(events, None)
                if event is None:
                    return
                yield event
        finally:
            if isinstance(events, Generator):
                events.close()

    return body

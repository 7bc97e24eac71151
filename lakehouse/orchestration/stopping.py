"""Steps that hear every signal, wherever in them it comes."""

from collections.abc import Callable, Generator, Iterator
from functools import wraps
from typing import Any, ParamSpec

from lakehouse.lake import Interrupts

_Arguments = ParamSpec("_Arguments")


def stoppable(
    step: Callable[_Arguments, Iterator[Any]],
) -> Callable[_Arguments, Generator[Any, None, None]]:
    """The body of a step; a signal that got lost in it is raised before its next event or its end.

    Dagster puts up a handler that raises anew for each event it asks the body for.
    """

    @wraps(step)
    def body(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Generator[Any, None, None]:
        events = step(*args, **kwargs)
        try:
            while True:
                with Interrupts().kept():
                    event = next(events, None)
                if event is None:
                    return
                yield event
        finally:
            if isinstance(events, Generator):
                events.close()

    return body

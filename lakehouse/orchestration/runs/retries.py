"""Step retries: only after a transient failure, with growing waits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import dagster as dg

from lakehouse.lake import is_retryable
from lakehouse.orchestration.stopping import stoppable

MAX_RETRIES = 3
FIRST_WAIT = 2.0
"""Seconds before the first retry; each further wait is twice as long."""


@contextmanager
def retry_transient(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Ask Dagster to retry the step when the block fails with a transient error.

    Any other error fails the step at once. A retry policy on the asset would retry both.
    """
    try:
        yield
    except dg.RetryRequested:
        raise  # raised by a nested block
    except Exception as error:
        if not is_retryable(error):
            raise
        wait = FIRST_WAIT * 2**context.retry_number
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=wait) from error


def retry_step(step: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Wrap the body of a step: retry all of it after a transient failure; make it `stoppable`.

    The body must continue from the state of the lake, as every step of this package does.
    """
    body = stoppable(step)

    @wraps(step)
    def attempt(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with retry_transient(context):
            yield from body(context, *args, **kwargs)

    return attempt

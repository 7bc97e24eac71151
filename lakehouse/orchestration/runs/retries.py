"""Steps that try again: only after what may pass by itself, each time after a longer wait."""

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
def retried(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Ask Dagster to run the step again when the block fails with something that may pass.

    Any other error fails the step at once. A policy on the asset would retry both.
    """
    try:
        yield
    except dg.RetryRequested:
        raise  # of a block inside this one
    except Exception as error:
        if not is_retryable(error):
            raise
        wait = FIRST_WAIT * 2**context.retry_number
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=wait) from error


def retrying(step: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """The body of a step, as a whole tried again after what may pass, and `stoppable`.

    It must be one that goes on from what the lake holds, as every step of this package is.
    """
    body = stoppable(step)

    @wraps(step)
    def attempt(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with retried(context):
            yield from body(context, *args, **kwargs)

    return attempt

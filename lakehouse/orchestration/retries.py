"""Steps that try again: only after what may pass by itself, each time after a longer wait."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from lakehouse.lake.transient import may_pass

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
    except Exception as error:
        if not may_pass(error):
            raise
        wait = FIRST_WAIT * 2**context.retry_number
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=wait) from error

"""The definitions that Dagster loads."""

import dagster as dg

from lakehouse.errors import LakehouseError
from lakehouse.orchestration.build import build_definitions
from lakehouse.redacted_output import guard_process
from lakehouse.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """The one lineage graph, with its jobs, schedules and sensors.

    Raises:
        LakehouseError: when a declaration is invalid; without its cause and context, which Dagster
            would print around the message.
    """
    guard_process()
    try:
        return build_definitions(load_settings())
    except LakehouseError as error:
        raise error.with_traceback(None) from None

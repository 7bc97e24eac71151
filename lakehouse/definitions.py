"""Everything that Dagster loads."""

import dagster as dg

from lakehouse.orchestration.build import build_definitions
from lakehouse.redacted_output import guard_process
from lakehouse.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """The one lineage graph, with its jobs, schedules and sensors."""
    guard_process()
    return build_definitions(load_settings())

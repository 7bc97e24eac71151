"""Why a dbt model has no new rows: which input holds them back, and until when."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lakehouse.lake import ALWAYS, Progress, describe_seal
from lakehouse.lake.layout import RAW
from lakehouse.orchestration.dbt.steps import inputs_of


def why_no_rows(model: str, manifest: Mapping[str, Any], progress: Mapping[str, Progress]) -> str:
    """A sentence about why `model` (dbt's unique id) has written no rows: what it waits for, if so.

    `progress` is that of all tables, once the model is built.
    """
    inputs = inputs_of([model], manifest)
    tables = [*(RAW.table(source) for source in inputs.sources), *inputs.tables]
    seals = {table: progress[table].seal for table in tables}
    if not seals:
        return "nothing to write: its query gives no rows"
    behind = _behind(seals)
    if not behind:
        return "nothing to write: " + ", and ".join(
            f"{table} {describe_seal(seal)}" for table, seal in seals.items()
        )
    which = ", and ".join(f"{table}, which {describe_seal(seals[table])}" for table in behind)
    known = [seal for seal in seals.values() if seal]
    if len(known) < len(seals):
        return f"every row waits for {which}"
    return f"processed up to {min(known)}; later rows wait for {which}"


def _behind(seals: Mapping[str, datetime | None]) -> list[str]:
    """The tables that are not complete as far as the furthest one."""
    times = [seal for seal in seals.values() if seal and seal != ALWAYS]
    furthest = max(times, default=datetime.min)
    return [table for table, seal in seals.items() if seal is None or seal < furthest]

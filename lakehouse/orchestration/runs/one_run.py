"""One run at a time: a run that needs the lake waits for its turn before its first step.

Implemented here because the daemon's queue does not include runs that the command starts. However a
run starts, it gets the lake from `LakeResource`, which takes the turn.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from lakehouse.orchestration.runs.launcher import live_runs
from lakehouse.orchestration.runs.locks import Turn, this_process

POLL_SECONDS = 0.5
WAITING = "waiting for the end of "
STARTED_BY = "lakehouse/started_by"
"""The tag of a run that the command started."""


def started_by(tags: Mapping[str, str]) -> str:
    """Who started a run, by its tags."""
    for tag in (STARTED_BY, "dagster/sensor_name", "dagster/schedule_name"):
        if tag in tags:
            return tags[tag]
    return "a backfill" if "dagster/backfill" in tags else "the UI"


@contextmanager
def turn(context: dg.InitResourceContext, data_dir: Path) -> Iterator[None]:
    """Hold the right to work on `data_dir` for the run that initializes a resource.

    A waiting run counts as started, so that the daemon launches no other; its log names the run
    that it waits for, and it can be stopped. The wait has no limit: a dead run's lock is free.
    Outside a run (when a sensor reads the lake) it holds nothing.
    """
    run = context.run
    if run is None:
        yield
        return
    if context.instance and (locks := live_runs(context.instance)):
        locks.enter(run.run_id)  # until the process ends, which is after the run's last event
    own = Turn(data_dir, this_process(run.run_id, run.job_name, started_by(run.tags)))
    if not own.acquire():
        if context.log:
            context.log.info(WAITING + own.holder())
        while not own.acquire():
            time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        own.release()

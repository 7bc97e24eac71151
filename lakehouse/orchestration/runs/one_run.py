"""One run at a time: an executor that waits for its turn before it hands on to another one.

Here and not in the daemon's queue, which knows nothing of a run that the command starts. Whatever
starts a run, its steps come through here.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import EngineEventData
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._utils.interrupts import raise_interrupts_as

from lakehouse.orchestration.runs.launcher import live_runs
from lakehouse.orchestration.runs.locks import Turn, this_process
from lakehouse.orchestration.runs.step_threads import StepThreads

POLL_SECONDS = 0.5
WAITING = "waiting for the end of "
STARTED_BY = "lakehouse/started_by"
"""The tag of a run that the command started."""


def one_run(count: int, data_dir: Path) -> dg.ExecutorDefinition:
    """An executor of up to `count` steps at a time, of one run at a time in `data_dir`."""

    @dg.executor(name="one_run")
    def executor(_: dg.InitExecutorContext) -> dg.Executor:
        return OneRun(StepThreads(count), data_dir)

    return executor


def started_by(tags: Mapping[str, str]) -> str:
    """Who started a run, by its tags."""
    for tag in (STARTED_BY, "dagster/sensor_name", "dagster/schedule_name"):
        if tag in tags:
            return tags[tag]
    return "a backfill" if "dagster/backfill" in tags else "the UI"


class OneRun(dg.Executor):
    """Executes by `inner` when no other run works on `data_dir`; waits as long as one does.

    A waiting run counts as started, so that the daemon launches no other; its log names the run
    that it waits for, and it can be stopped. It waits however long that takes: the lock of a run
    that died is free.
    """

    def __init__(self, inner: dg.Executor, data_dir: Path) -> None:
        self._inner = inner
        self._data_dir = data_dir

    @property
    def retries(self) -> RetryMode:
        """As `inner`."""
        return self._inner.retries

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """The events of `inner`, after one for the wait, if there was any."""
        run = plan_context.dagster_run
        locks = live_runs(plan_context.instance)
        if locks:
            locks.enter(run.run_id)  # to the end of the process: it ends after the run's last event
        me = this_process(run.run_id, run.job_name, started_by(run.tags))
        turn = Turn(self._data_dir, me)
        if not turn.take():
            text = WAITING + turn.holder()
            yield dg.DagsterEvent.engine_event(plan_context, text, EngineEventData())
            while not turn.take():
                with raise_interrupts_as(DagsterExecutionInterruptedError):
                    time.sleep(POLL_SECONDS)
        try:
            yield from self._inner.execute(plan_context, execution_plan)
        except Exception:
            # who lives to raise was not killed, and would only raise again
            plan_context.instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: "0"})
            raise
        finally:
            turn.give_back()

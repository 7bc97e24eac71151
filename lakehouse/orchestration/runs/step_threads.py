"""Steps of a run beside each other, as threads of the run's own process (decision 0011).

Dagster brings an executor for one step after the other, and one that starts a process for each
step. In between it has nothing, so this one calls its engine, which nothing else does but `run.py`.
What a step may share with the one beside it is `resources.py`'s.
"""

import ctypes
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.compute_logs import create_compute_log_file_key
from dagster._core.execution.context.system import (
    PlanExecutionContext,
    PlanOrchestrationContext,
    StepExecutionContext,
)
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import dagster_event_sequence_for_step
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._utils.interrupts import raise_interrupts_as

LOOK_SECONDS = 0.5
REMIND_SECONDS = 0.1


def step_threads(count: int) -> dg.ExecutorDefinition:
    """An executor of up to `count` steps at a time."""

    @dg.executor(name="step_threads")
    def executor(_: dg.InitExecutorContext) -> dg.Executor:
        return StepThreads(count)

    return executor


class StepThreads(dg.Executor):
    """Runs what the plan allows beside each other in threads that stay for the whole run.

    Hooks are not called: no job of ours has any.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    @property
    def retries(self) -> RetryMode:
        """A step that asks for it is run again, by this executor."""
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """The events of all steps as they come. An interrupt stops the steps under way."""
        yield from ExecuteRunWithPlanIterable(
            execution_plan=execution_plan,
            iterator=self._run,
            execution_context_manager=PlanExecutionContextManager(
                job=plan_context.job,
                retry_mode=plan_context.retry_mode,
                execution_plan=execution_plan,
                run_config=plan_context.run_config,
                dagster_run=plan_context.dagster_run,
                instance=plan_context.instance,
                raise_on_error=plan_context.raise_on_error,
                output_capture=plan_context.output_capture,
            ),
        )

    def _run(
        self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        logs = job_context.instance.compute_log_manager
        key = logs.build_log_key_for_run(job_context.run_id, create_compute_log_file_key())  # type: ignore[no-untyped-call]
        with (
            InstanceConcurrencyContext(job_context.instance, job_context.dagster_run) as slots,
            execution_plan.start(
                retry_mode=job_context.retry_mode, instance_concurrency_context=slots
            ) as active,
            logs.capture_logs(key) as captured,
            _workers(self.count, job_context.instance) as workers,
        ):
            steps = [step.key for step in execution_plan.get_steps_to_execute_in_topo_order()]
            yield dg.DagsterEvent.capture_logs(job_context, steps, key, captured)
            while workers.busy or not active.is_complete:
                yield from self._give_work(job_context, active, workers)
                yield from _take_result(active, workers)
                yield from active.plan_events_iterator(job_context)

    def _give_work(
        self, job_context: PlanExecutionContext, active: ActiveExecution, workers: "_Workers"
    ) -> Iterator[dg.DagsterEvent]:
        free = self.count - len(workers.busy)
        if free:
            for step in active.get_steps_to_execute(limit=free):
                workers.begin(job_context.for_step(step, active.get_known_state()))
            yield from active.concurrency_event_iterator(job_context)


def _take_result(active: ActiveExecution, workers: "_Workers") -> Iterator[dg.DagsterEvent]:
    with raise_interrupts_as(DagsterExecutionInterruptedError):
        if not workers.busy:
            active.sleep_til_ready()
            return
        result = workers.next_result()
    if result and result.event:
        yield result.event
        active.handle_event(result.event)
    elif result:
        active.verify_complete(result.context, result.context.step.key)


@dataclass(frozen=True)
class _Result:
    """An event of a step, or its end: then `event` is unset."""

    context: StepExecutionContext
    event: dg.DagsterEvent | None = None
    error: BaseException | None = None


class _Workers:
    """Threads that work off steps; what they make is taken by the thread that made them."""

    def __init__(self, count: int, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._stopped = False
        self.busy: dict[str, StepExecutionContext] = {}
        self._steps: SimpleQueue[tuple[StepExecutionContext, Context] | None] = SimpleQueue()
        self._results: SimpleQueue[_Result] = SimpleQueue()
        # daemons, so that a second interrupt really ends the process
        self._threads = [
            threading.Thread(target=self._work, name=f"step-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def begin(self, context: StepExecutionContext) -> None:
        self.busy[context.step.key] = context
        self._steps.put((context, copy_context()))

    def next_result(self) -> _Result | None:
        """The next one, or nothing when it is time to see whether a step waits to be tried again.

        Raises what a step could not tell by an event.
        """
        try:
            result = self._results.get(timeout=LOOK_SECONDS)
        except Empty:
            return None
        if result.event is None:
            del self.busy[result.context.step.key]
        if result.error:
            raise result.error
        return result

    def interrupt(self) -> None:
        """Raise in each step under way what Dagster raises when a run is stopped; wait for it."""
        self._stopped = True
        # nobody may be cut off with the event log's lock in his hands: he needs it to tell his end
        with getattr(self._instance.event_log_storage, "_db_lock", nullcontext()):
            for thread in self._threads:
                _raise_in(thread, DagsterExecutionInterruptedError)
        self.end()

    def end(self) -> None:
        """Wait for what is under way; an interrupt while waiting leaves it to its fate."""
        for _ in self._threads:
            self._steps.put(None)
        with raise_interrupts_as(DagsterExecutionInterruptedError):
            for thread in self._threads:
                while thread.is_alive():
                    if self._stopped:
                        self._remind()
                    thread.join(REMIND_SECONDS)

    def _remind(self) -> None:
        _raise_in(threading.main_thread(), None)
        for context in self.busy.values():
            lake = getattr(context.resources, "lake", None)
            if lake:
                lake.stop()

    def _work(self) -> None:
        with suppress(DagsterExecutionInterruptedError):  # it may come a moment after the step
            while (work := self._steps.get()) and not self._stopped:
                context, variables = work
                error = None
                try:
                    variables.run(self._step, context)
                except BaseException as problem:
                    error = problem
                self._results.put(_Result(context, error=error))

    def _step(self, context: StepExecutionContext) -> None:
        try:
            for event in dagster_event_sequence_for_step(context):
                self._results.put(_Result(context, event))
        except BaseException as error:
            _clean_up(error)
            raise


def _clean_up(error: BaseException | None) -> None:
    """End what `error` left open: it may have come just as a `with` was to roll back or unlock."""
    while error:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _raise_in(thread: threading.Thread, error: type[BaseException] | None) -> None:
    """Have `thread` raise `error` before its next line.

    Up to Python 3.12 all threads share the flag that says one of them should; the first to raise
    takes it down for the others. Raising nothing puts it up again.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident or 0), ctypes.py_object(error) if error else None
    )


@contextmanager
def _workers(count: int, instance: dg.DagsterInstance) -> Iterator[_Workers]:
    workers = _Workers(count, instance)
    try:
        yield workers
    except BaseException:
        workers.interrupt()
        raise
    workers.end()

"""Run the graph from a script or the command line, and report each asset, check and failure.

The run is an ordinary Dagster run: the UI lists it with those started there.
"""

import re
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from lakehouse.errors import LakehouseError
from lakehouse.orchestration.metadata import ROW_COUNT, ROWS_WAITING, ROWS_WRITTEN, WHY_NO_ROWS
from lakehouse.orchestration.resources import NO_RETRY, Refresh
from lakehouse.orchestration.run_origin import REPOSITORY_TAGS, OriginRecorder
from lakehouse.orchestration.runs.instance import open_instance
from lakehouse.orchestration.runs.launcher import end_killed_runs, live_runs
from lakehouse.orchestration.runs.one_run import STARTED_BY, WAITING
from lakehouse.orchestration.runs.outcomes import Outcome, outcome
from lakehouse.redacted_output import RedactedStream
from lakehouse.redaction import redact
from lakehouse.settings import Settings

JOB = "refresh"
_CHANGES = (ROWS_WRITTEN, "new_files", "trained", "days_watched", "days_matured")
"""Metadata that shows that an asset changed: a number above zero, or true."""
_WRAPPERS = frozenset(
    {
        "DagsterExecutionStepExecutionError",
        "DagsterResourceFunctionError",
        "DagsterUserCodeExecutionError",
        "RetryRequestedFromPolicy",
        "RetryRequested",
    }
)
"""Wrapper errors that only show where another one passed through."""


@dataclass(frozen=True)
class AssetDone:
    """An asset that has been brought up to date.

    `rows` counts its whole table, `written` the rows that this run wrote; `changed` is whether the
    run changed it, where known. `why_no_rows` is a sentence if the table is empty or rows wait.
    """

    asset: str
    rows: int | None
    seconds: float
    written: int | None = None
    changed: bool | None = None
    why_no_rows: str = ""


@dataclass(frozen=True)
class CheckDone:
    """A check that has been evaluated."""

    asset: str
    check: str
    passed: bool
    blocking: bool
    severity: str
    description: str

    @property
    def outcome(self) -> Outcome:
        """Whether it passed, warned or failed."""
        return outcome(passed=self.passed, severity=self.severity)


@dataclass(frozen=True)
class StepFailed:
    """A step that failed or, without an error, was skipped because of a failed one."""

    step: str
    error: str | None


@dataclass(frozen=True)
class Waiting:
    """The run waits for another one, described with who started it."""

    other: str


Event = AssetDone | CheckDone | StepFailed | Waiting


@dataclass
class RunSummary:
    """The outcome of a run; `failed` if any step or any check of severity ERROR failed.

    `not_updated` are the assets that should have been brought up to date and were not, sorted.
    """

    run_id: str
    success: bool = False
    not_updated: list[str] = field(default_factory=list)
    assets: list[AssetDone] = field(default_factory=list)
    checks: list[CheckDone] = field(default_factory=list)
    problems: list[StepFailed] = field(default_factory=list)

    @property
    def failed_checks(self) -> list[CheckDone]:
        """Checks of severity ERROR that did not pass."""
        return [check for check in self.checks if check.outcome == "failed"]

    @property
    def failed(self) -> bool:
        """Whether a command should exit with a non-zero status."""
        return not self.success or bool(self.failed_checks)


def run_assets(
    definitions: dg.Definitions,
    settings: Settings,
    *,
    select: Sequence[str] = (),
    refresh: Refresh | None = None,
    started_by: str = "lakehouse run",
    on_event: Callable[[Event], None] = lambda event: None,
) -> RunSummary:
    """Bring the selected assets (by default all) up to date in this process.

    `select` uses Dagster's asset selection syntax, such as `raw/customers` or `key:"raw/*"+`.

    Raises:
        LakehouseError: when the selection is invalid or empty, or no day can be redone.
    """
    refresh = refresh or Refresh()
    refresh.check()
    selected = _resolve_selection(definitions, select) if select else None
    job = definitions.resolve_job_def(JOB)
    summary = RunSummary(run_id=str(uuid.uuid4()))
    log = settings.data_dir / "logs" / f"run-{summary.run_id}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # dbt and other tools print to standard output; a file keeps that apart from our lines
    with (
        open_instance(settings) as instance,
        log.open("w") as output,
        redirect_stdout(RedactedStream(output)),
    ):
        end_killed_runs(instance)
        instance.add_event_listener(summary.run_id, OriginRecorder(instance))
        instance.add_event_listener(summary.run_id, _Listener(summary, on_event))
        with _marked_alive(instance, summary.run_id):
            result = job.execute_in_process(
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    "resources": {"refresh": {"config": refresh.model_dump()}},
                },
                instance=instance,
                asset_selection=sorted(selected) if selected else None,
                run_id=summary.run_id,
                # a person at the terminal sees that it was killed, and expects no retry
                tags={STARTED_BY: started_by, **NO_RETRY, **REPOSITORY_TAGS},
                raise_on_error=False,
            )
        summary.success = result.success
    planned = selected or definitions.resolve_asset_graph().materializable_asset_keys
    done = {asset.asset for asset in summary.assets}
    summary.not_updated = sorted({"/".join(key.path) for key in planned} - done)
    return summary


@contextmanager
def _marked_alive(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Mark the run as alive from before it enters the history until it has ended."""
    locks = live_runs(instance)
    if locks is None:
        yield
        return
    locks.enter(run_id)
    try:
        yield
    finally:
        locks.leave(run_id)


def _resolve_selection(
    definitions: dg.Definitions, select: Sequence[str]
) -> frozenset[dg.AssetKey]:
    warnings.filterwarnings("ignore", category=dg.BetaWarning)  # about selecting by group or kind
    graph = definitions.resolve_asset_graph()
    keys: set[dg.AssetKey] = set()
    for text in select:
        try:
            selection = dg.AssetSelection.from_string(_as_selection(text))
            # a step that makes several assets runs as a whole
            found = selection.required_multi_asset_neighbors().resolve(graph)
        except (dg.DagsterError, ValueError) as error:
            raise LakehouseError(f"the selection {text!r} is not valid: {error}") from error
        if not found:
            raise LakehouseError(
                f"the selection {text!r} matches no asset; `lakehouse status` lists all of them"
            )
        keys |= found
    return frozenset(keys & graph.materializable_asset_keys)


def _as_selection(text: str) -> str:
    """Convert a bare `layer/name`, with or without `+`, to a key; keep Dagster's own syntax."""
    core = text.strip("+")
    if ":" in text or " " in text or core == "*":
        return text
    return text.replace(core, f'key:"{core}"')


class _Listener:
    """Converts Dagster's events to ours."""

    def __init__(self, summary: RunSummary, on_event: Callable[[Event], None]) -> None:
        self._summary = summary
        self._on_event = on_event
        self._started: dict[str, float] = {}

    def __call__(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            if entry.user_message.startswith(WAITING):
                self._on_event(Waiting(entry.user_message.removeprefix(WAITING)))
            return
        step = event.step_key or ""
        kind = event.event_type
        if kind == dg.DagsterEventType.STEP_START:
            self._started[step] = entry.timestamp
        elif kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
            self._materialized(event, entry.timestamp - self._started.get(step, entry.timestamp))
            self._started[step] = entry.timestamp
        elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._checked(event)
        elif kind == dg.DagsterEventType.STEP_FAILURE:
            self._failed(step, root_cause(event.step_failure_data.error))
        elif kind == dg.DagsterEventType.STEP_SKIPPED:
            self._failed(step, None)
        elif kind == dg.DagsterEventType.RUN_FAILURE and not self._summary.problems:
            self._failed("the run", root_cause(event.job_failure_data.error))  # before any step

    def _materialized(self, event: dg.DagsterEvent, seconds: float) -> None:
        materialization = event.step_materialization_data.materialization
        metadata = {name: entry.value for name, entry in materialization.metadata.items()}
        changes = [bool(metadata[name]) for name in _CHANGES if metadata.get(name) is not None]
        rows = _number(metadata.get(ROW_COUNT))
        lacks_rows = rows == 0 or bool(metadata.get(ROWS_WAITING))
        done = AssetDone(
            asset="/".join(materialization.asset_key.path),
            rows=rows,
            seconds=seconds,
            written=_number(metadata.get(ROWS_WRITTEN)),
            changed=any(changes) if changes else None,
            why_no_rows=str(metadata.get(WHY_NO_ROWS, "")) if lacks_rows else "",
        )
        self._summary.assets.append(done)
        self._on_event(done)

    def _checked(self, event: dg.DagsterEvent) -> None:
        evaluation = event.asset_check_evaluation_data
        done = CheckDone(
            asset="/".join(evaluation.asset_key.path),
            check=evaluation.check_name,
            passed=evaluation.passed,
            blocking=bool(evaluation.blocking),
            severity=evaluation.severity.value,
            description=redact(evaluation.description or ""),
        )
        self._summary.checks.append(done)
        self._on_event(done)

    def _failed(self, step: str, error: str | None) -> None:
        failed = StepFailed(step, error)
        self._summary.problems.append(failed)
        self._on_event(failed)


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def root_cause(error: Any) -> str:
    """The message of our own error: cause and remedy, without Dagster's context."""
    while error is not None and error.cause is not None and error.cls_name in _WRAPPERS:
        error = error.cause
    if error is None:
        return "failed without an error"
    if error.cls_name == "DagsterExecutionInterruptedError":
        return "was stopped before it was done; run it again"
    return redact(re.sub(rf"^[\w.]*{error.cls_name}: ", "", str(error.message).strip()))

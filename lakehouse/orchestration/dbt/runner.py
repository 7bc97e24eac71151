"""Run dbt inside this process: stream its results, and raise an error that names what failed.

`assets.py` selects the models and handles the results.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from lakehouse.errors import LakehouseError, Transient
from lakehouse.lake import is_retryable, is_transient_message
from lakehouse.orchestration.dbt.project import DbtProjectFiles, import_dbt
from lakehouse.orchestration.dbt.session import WritingSession

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

_RESULTS = {"LogSeedResult", "LogModelResult", "LogSnapshotResult", "LogTestResult"}

_FAILED_MODEL = re.compile(r"in model (\w+) \(")


class DbtFailed(LakehouseError):
    """A model could not be built, or a test failed."""


class DbtTransientError(DbtFailed, Transient):
    """All of dbt's failures are transient: a lost connection, a store that is busy."""


def run_dbt(
    files: DbtProjectFiles, arguments: Sequence[str], variables: Mapping[str, object], target: Path
) -> Iterator[dict[str, Any]]:
    """Run a dbt command on the project; yield each node's result, as dbt's own object, when ready.

    dbt's compiled files and its log go to `target`, its prints to standard output. dbt is imported
    and runs in a separate thread, which holds the write lock until the last result; this thread
    only waits, so that no signal gets lost. A caller that stops early, or is interrupted, stops
    dbt.

    Raises:
        DbtFailed: at the end, when anything failed.
        LakeBusy: when another process keeps the lake's write lock.
    """
    events: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    session = WritingSession(files.settings)
    command = [
        *("--no-use-colors", "--no-write-json"),
        *arguments,
        *files.variable_arguments(**variables),
        *files.folder_arguments(target),
    ]
    errors: list[str] = []
    with ThreadPoolExecutor(1, thread_name_prefix="dbt") as thread:
        running = thread.submit(_build, files, command, session, events.put)
        running.add_done_callback(lambda _: events.put(None))
        try:
            while (event := events.get()) is not None:
                if event["info"]["name"] in _RESULTS:
                    yield event
                else:
                    errors.append(event["info"]["msg"].strip())
        except BaseException:
            session.stop(running)
            raise
    result = running.result()
    if not result.success:
        messages = [error for error in errors if error] or [str(result.exception)]
        kind = DbtTransientError if _was_cut_off(result) else DbtFailed
        raise kind(
            "\n".join([*messages, *_remedies(files, messages), f"dbt's log: {target / 'dbt.log'}"])
        )


def _build(
    files: DbtProjectFiles,
    command: list[str],
    session: WritingSession,
    emit: Callable[[dict[str, Any]], None],
) -> "dbtRunnerResult":
    """Run `command`; `emit` receives the results of nodes and the errors that dbt logs."""
    runner = import_dbt()
    from dbt.cli.main import dbtRunnerResult
    from dbt_common.events.base_types import EventMsg
    from dbt_common.events.functions import msg_to_dict

    def on_event(event: EventMsg) -> None:
        if event.info.name in _RESULTS or event.info.level == "error":
            emit(msg_to_dict(event))

    with session.holding():
        if session.stopped:
            return dbtRunnerResult(success=False)
        return runner(manifest=files.parsed, callbacks=[on_event]).invoke(command)


def _remedies(files: DbtProjectFiles, messages: Iterable[str]) -> list[str]:
    """The command that rebuilds each table whose columns its SQL has changed."""
    assets = {node["name"]: table.replace(".", "/") for table, node in files.models.items()}
    changed = [_FAILED_MODEL.search(text) for text in messages if "are out of sync" in text]
    return [
        f"The columns of {assets[found[1]]} have changed. Rebuild it, and what reads it, with "
        f"`lakehouse run --full-refresh --select {assets[found[1]]}+`"
        for found in changed
        if found and found[1] in assets
    ]


def _was_cut_off(result: Any) -> bool:
    """Whether every failed node, or dbt itself, failed with a transient error.

    A test that found bad rows is never transient, whatever its name contains.
    """
    if result.exception is not None:
        return is_retryable(result.exception) or is_transient_message(str(result.exception))
    nodes = getattr(result.result, "results", None) or []
    statuses = [(str(node.status), str(node.message)) for node in nodes]
    failed = [(status, text) for status, text in statuses if status in ("error", "fail")]
    return bool(failed) and all(
        status == "error" and is_transient_message(text) for status, text in failed
    )

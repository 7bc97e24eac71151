"""dbt inside this process: its results as they come, and an error that says what failed.

Which models, and what becomes of the results, is `dbt_assets.py`'s.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from lakehouse.errors import LakehouseError, Transient
from lakehouse.lake import is_retryable, sounds_transient
from lakehouse.orchestration.dbt.project import DbtProjectFiles, import_dbt
from lakehouse.orchestration.dbt.session import WritingSession

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

_RESULTS = {"LogSeedResult", "LogModelResult", "LogSnapshotResult", "LogTestResult"}


class DbtFailed(LakehouseError):
    """A model could not be built, or a test found what must not be."""


class DbtCutOff(DbtFailed, Transient):
    """Nothing of dbt's failed but what may pass: a lost connection, a store that is busy."""


def run_dbt(
    files: DbtProjectFiles, arguments: Sequence[str], variables: Mapping[str, object], target: Path
) -> Iterator[dict[str, Any]]:
    """Run a dbt command on the project; each node's result, in dbt's own words, when it is there.

    What dbt compiles, and its log, go to `target`; what it prints goes to standard output. dbt is
    imported and runs in a thread of its own, which holds the write lock until the last result is
    given; this one only waits, so that no signal can get lost. A caller that stops before the end,
    or is interrupted, stops dbt.

    Raises:
        DbtFailed: at the end, when anything failed.
        LakeBusy: when another process keeps the lake's write lock.
    """
    events: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    session = WritingSession(files.settings)
    command = [
        *("--no-use-colors", "--no-write-json"),
        *arguments,
        *files.arguments(**variables),
        *files.places(target),
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
            session.stop()
            raise
    result = running.result()
    if not result.success:
        what = [error for error in errors if error] or [str(result.exception)]
        kind = DbtCutOff if _was_cut_off(result) else DbtFailed
        raise kind("\n".join([*what, f"dbt's log: {target / 'dbt.log'}"]))


def _build(
    files: DbtProjectFiles,
    command: list[str],
    session: WritingSession,
    tell: Callable[[dict[str, Any]], None],
) -> "dbtRunnerResult":
    """Run `command`; `tell` takes the results of nodes and what dbt logs as errors."""
    runner = import_dbt()
    from dbt.cli.main import dbtRunnerResult
    from dbt_common.events.base_types import EventMsg
    from dbt_common.events.functions import msg_to_dict

    def hear(event: EventMsg) -> None:
        if event.info.name in _RESULTS or event.info.level == "error":
            tell(msg_to_dict(event))

    with session.holding():
        if session.stopped:
            return dbtRunnerResult(success=False)
        return runner(manifest=files.parsed, callbacks=[hear]).invoke(command)


def _was_cut_off(result: Any) -> bool:
    """Whether every node that failed, or dbt itself, did so by what may pass by itself.

    A test that found bad rows has failed; a word in its name says nothing.
    """
    if result.exception is not None:
        return is_retryable(result.exception) or sounds_transient(str(result.exception))
    nodes = getattr(result.result, "results", None) or []
    statuses = [(str(node.status), str(node.message)) for node in nodes]
    failed = [(status, text) for status, text in statuses if status in ("error", "fail")]
    return bool(failed) and all(
        status == "error" and sounds_transient(text) for status, text in failed
    )

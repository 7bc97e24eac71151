"""Let the UI find the job of a run that the command started.

The public `execute_in_process` omits the job's origin: the timeline and the job's page would not
list the run, and its page could not start it again (decision 0151).
"""

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

CODE_LOCATION = "lakehouse"
"""The name in `workspace.yaml`."""
REPOSITORY = RemoteRepositoryOrigin(
    RegisteredCodeLocationOrigin(CODE_LOCATION), SINGLETON_REPOSITORY_NAME
)
REPOSITORY_TAGS = {REPOSITORY_LABEL_TAG: REPOSITORY.get_label()}
"""The tag by which the timeline and the job's page find runs."""


class OriginRecorder:
    """A listener to a run's events that records the job's origin when the run has started."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance

    def __call__(self, entry: dg.EventLogEntry) -> None:
        """Receive an event when it is stored."""
        if entry.dagster_event_type != dg.DagsterEventType.RUN_START:
            return
        run = self._instance.get_run_by_id(entry.run_id)
        if run is not None:
            origin = RemoteJobOrigin(REPOSITORY, run.job_name)
            self._instance.run_storage.replace_job_origin(run, origin)

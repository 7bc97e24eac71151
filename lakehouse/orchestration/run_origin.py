"""Where the UI finds the job of a run that the command started.

The public `execute_in_process` leaves that out: the timeline and the job's page would not list the
run, and nobody could run it again from its page (decision 0151).
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
"""As `workspace.yaml` calls it."""
REPOSITORY = RemoteRepositoryOrigin(
    RegisteredCodeLocationOrigin(CODE_LOCATION), SINGLETON_REPOSITORY_NAME
)
IN_REPOSITORY = {REPOSITORY_LABEL_TAG: REPOSITORY.get_label()}
"""The tag by which the timeline and the job's page ask for runs."""


class OriginAtStart:
    """A listener to a run's events that notes the job's origin when the run has started."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance

    def __call__(self, entry: dg.EventLogEntry) -> None:
        """Take an event as it is stored."""
        if entry.dagster_event_type != dg.DagsterEventType.RUN_START:
            return
        run = self._instance.get_run_by_id(entry.run_id)
        if run is not None:
            origin = RemoteJobOrigin(REPOSITORY, run.job_name)
            self._instance.run_storage.replace_job_origin(run, origin)

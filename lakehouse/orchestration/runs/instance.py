"""The Dagster instance of a data folder: the project's `dagster.yaml` with absolute folders.

`dagster dev` in the project's root reads `dagster.yaml` itself; every other entry point (the
command line from any folder, another `LAKEHOUSE_DATA_DIR`, tests) uses this module and the same
history.
"""

from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from lakehouse.settings import Settings


def dagster_home(settings: Settings) -> Path:
    """A folder to use as `DAGSTER_HOME`; its `dagster.yaml` is rewritten when it differs."""
    home = settings.data_dir / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(_configuration(settings), sort_keys=False)
    target = home / "dagster.yaml"
    if not target.exists() or target.read_text() != text:
        target.write_text(text)
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance with the runs, events and sensor cursors of this data folder."""
    return dg.DagsterInstance.from_config(str(dagster_home(settings)))


def init_event_cursors(instance: dg.DagsterInstance) -> None:
    """Initialize the event cursors of run retries, unless they exist.

    The daemon would start at the same event, but log two warnings about missing cursors.
    """
    kinds = (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS)
    names = {f"EVENT_LOG_CONSUMER_CURSOR-{kind.value}" for kind in kinds}
    storage = instance.daemon_cursor_storage
    missing = names - storage.get_cursor_values(names).keys()
    if not missing:
        return
    newest = instance.event_log_storage.get_maximum_record_id() or 0
    storage.set_cursor_values({name: str(newest) for name in missing})


def _configuration(settings: Settings) -> dict[str, Any]:
    configuration: dict[str, Any] = yaml.safe_load(settings.project.dagster_yaml.read_text())
    home = settings.data_dir / "dagster"
    configuration["storage"]["custom"]["config"]["base_dir"] = str(home)
    configuration["run_launcher"]["config"]["base_dir"] = str(home / "live")
    configuration["local_artifact_storage"]["config"]["base_dir"] = str(home)
    configuration["compute_logs"]["config"]["base_dir"] = str(home / "compute_logs")
    return configuration

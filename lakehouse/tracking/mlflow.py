"""A mirror of the registry in MLflow: versions as runs and model versions, roles as aliases. An
extra.

The registry in the lake stays the only source of truth. Each run compares with the server and adds
what is missing, so a server that was down catches up.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake
from lakehouse.redaction import redact
from lakehouse.registry import Version, list_versions

VERSION_TAG = "lakehouse.version"
STATE_TAG = "lakehouse.state"
ALIASES = ("champion", "shadow")
"""States that are also aliases; with several shadows the newest has it."""

_HTTP_LIMITS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""By default MLflow retries for four minutes before it reports that a server is down."""
_MAX_PARAMS = 100  # per request


class MissingExtra(LakehouseError):
    """A setting asks for a package that is not installed."""


@dataclass(frozen=True)
class MirrorResult:
    """Versions logged by this call; `problem` gives the reason if the mirror is incomplete."""

    logged: tuple[str, ...] = ()
    problem: str = ""


def mirror(lake: Lake, model: str) -> MirrorResult:
    """Bring MLflow up to date for one model; does nothing unless a tracking URI is set.

    A server that does not answer is a `problem` and not an error: it never fails the caller.

    Raises:
        MissingExtra: when a tracking URI is set and MLflow is not installed.
    """
    uri = lake.settings.mlflow_tracking_uri
    if not uri:
        return MirrorResult()
    for name, value in {**_HTTP_LIMITS, "MLFLOW_DISABLE_TELEMETRY": "true"}.items():
        os.environ.setdefault(name, value)
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise MissingExtra(
            "LAKEHOUSE_MLFLOW_TRACKING_URI is set, but MLflow is not installed: "
            "pip install 'lakehouse[mlflow]', or leave the setting empty"
        ) from error
    logged: list[str] = []
    try:
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        _mirror(client, lake, model, logged)
    except (MlflowException, OSError) as error:
        reason = redact(str(error).partition("\n")[0])
        return MirrorResult(
            tuple(logged),
            f"MLflow at {redact(uri)} is not up to date for {model}; the next run "
            f"tries again: {reason}",
        )
    return MirrorResult(tuple(logged))


def _mirror(client: Any, lake: Lake, model: str, logged: list[str]) -> None:
    versions = sorted(list_versions(lake, model), key=lambda version: version.number)
    if not versions:
        return
    experiment = _experiment(client, model)
    runs = _runs(client, experiment)
    if not client.search_registered_models(filter_string=f"name = '{model}'"):
        client.create_registered_model(model)
    numbers = {v.run_id: v for v in client.search_model_versions(f"name = '{model}'")}
    copies: dict[str, Any] = {}
    for version in versions:
        run = runs.get(version.version)
        if run is None:
            run = _log(client, experiment, lake, version)
            logged.append(version.version)
        copy = numbers.get(run.info.run_id)
        if copy is None:
            source = run.info.artifact_uri
            copy = client.create_model_version(model, source, run.info.run_id)
        if copy.tags.get(STATE_TAG) != version.state:
            client.set_model_version_tag(model, copy.version, STATE_TAG, version.state)
        copies[version.version] = copy
    _set_aliases(client, model, versions, copies)


def _set_aliases(
    client: Any, model: str, versions: Iterable[Version], copies: dict[str, Any]
) -> None:
    """Set the aliases to the versions that have the roles."""
    expected: dict[str, str] = {
        v.state: str(copies[v.version].version) for v in versions if v.state in ALIASES
    }
    current = {name: str(v) for name, v in client.get_registered_model(model).aliases.items()}
    for alias in ALIASES:
        if alias in expected and current.get(alias) != expected[alias]:
            client.set_registered_model_alias(model, alias, expected[alias])
        elif alias in current and alias not in expected:
            client.delete_registered_model_alias(model, alias)


def _experiment(client: Any, model: str) -> str:
    name = f"lakehouse/{model}"
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _runs(client: Any, experiment: str) -> dict[str, Any]:
    """The finished run of each version; ends a run that was interrupted during logging."""
    runs: dict[str, Any] = {}
    token = None
    while True:
        page = client.search_runs([experiment], page_token=token)
        for run in page:
            version = run.data.tags.get(VERSION_TAG)
            if version and run.info.status == "FINISHED":
                runs[version] = run
            elif version and run.info.status == "RUNNING":
                client.set_terminated(run.info.run_id, "KILLED")
        token = page.token
        if not token:
            return runs


def _log(client: Any, experiment: str, lake: Lake, version: Version) -> Any:
    """Log one version as one run: parameters, metrics by period, files, provenance."""
    from mlflow.entities import Metric, Param

    at = int(version.created_at.replace(tzinfo=UTC).timestamp() * 1000)
    tags = {
        VERSION_TAG: version.version,
        "lakehouse.training_set": version.training_set_id,
        "lakehouse.training_set_sha256": version.training_set_hash,
        "lakehouse.snapshot": str(version.snapshot),
        "lakehouse.code": version.code_hash,
        "lakehouse.configuration": version.config_hash,
        "lakehouse.run": version.run_id,
    }
    run = client.create_run(experiment, start_time=at, tags=tags, run_name=version.version)
    number = run.info.run_id
    metrics = [
        Metric(f"{period}/{name}", value, at, 0)
        for period, values in version.metrics.items()
        for name, value in values.items()
        if value is not None
    ]
    client.log_batch(number, metrics=metrics)
    params = [Param(name, str(value)) for name, value in version.params.items()]
    for start in range(0, len(params), _MAX_PARAMS):
        client.log_batch(number, params=params[start : start + _MAX_PARAMS])
    folder = lake.settings.models_dir / version.artefact
    for path in (folder / name for name in version.files):
        if path.exists():  # an old artefact may be gone; its metrics are still worth logging
            client.log_artifact(number, str(path))
    client.set_terminated(number, "FINISHED", at)
    return client.get_run(number)

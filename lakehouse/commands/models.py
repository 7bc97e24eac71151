"""`lakehouse models`: versions, their figures and states, and the moves that people decide."""

import getpass
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake
from lakehouse.registry import (
    GateResult,
    RegistryError,
    Version,
    list_gates,
    list_models,
    list_transitions,
    list_versions,
)
from lakehouse.settings import Settings
from lakehouse.specs import find_specs
from lakehouse.training.spec import ModelSpec

STATES = {"champion": "green", "shadow": "cyan", "rolled_back": "red", "archived": "dim"}


def find_model(name: str) -> ModelSpec:
    """The declaration of the model called `name`. Raises `RegistryError` naming those there are."""
    specs = {spec.name: spec for spec in find_specs("PredictiveModel", ModelSpec)}
    if name not in specs:
        raise RegistryError(f"no model is called {name}; declared are {', '.join(sorted(specs))}")
    return specs[name]


def find_version(lake: Lake, model: str, text: str) -> Version:
    """The version that `text` names: in full, or by a beginning that only one has (`v0003`).

    Without text the champion, or the newest version if there is none.
    """
    versions = list_versions(lake, model)
    if not text and versions:
        return next((v for v in versions if v.state == "champion"), versions[0])
    found = [v for v in versions if v.version.startswith(text)]
    exact = [v for v in found if v.version == text]
    if len(exact or found) == 1:
        return (exact or found)[0]
    known = ", ".join(v.version for v in versions) or "none; materialize the model"
    what = "several versions begin with" if found else "has no version"
    raise RegistryError(f"{model}: {what} {text!r}; known are: {known}")


def list_command(settings: Settings, *, as_json: bool) -> None:
    """Print every version of every model, the newest first."""
    with Lake(settings, read_only=True) as lake:
        rows = [row for model in list_models(lake) for row in version_rows(lake, model)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no model was trained yet; `lakehouse run` trains those that are declared")
        return
    table = Table(
        "model", "version", "state", "created", "on test", "gates", box=None, header_style="bold"
    )
    for row in rows:
        failed = row["gates_failed"]
        table.add_row(
            row["model"],
            row["version"],
            f"[{STATES.get(row['state'], 'default')}]{row['state']}[/]",
            f"{row['created_at']:%Y-%m-%d %H:%M}",
            with_interval(row["metric"], row),
            f"[red]failed: {', '.join(failed)}[/]" if failed else f"{row['gates']} passed",
        )
    console().print(table)


def version_rows(lake: Lake, model: str) -> list[dict[str, Any]]:
    """What `list` says of each version of a model: its primary metric with interval, its gates."""
    declared = {spec.name: spec for spec in find_specs("PredictiveModel", ModelSpec)}
    metric = declared[model].primary_metric if model in declared else ""
    rows = []
    for version in list_versions(lake, model):
        evaluation, problem = evaluation_of(lake, version)
        interval = evaluation.intervals.get(metric) if evaluation else None
        gates = list_gates(lake, model, version.version)
        rows.append(
            {
                "model": model,
                "version": version.version,
                "state": version.state,
                "created_at": version.created_at,
                "metric": metric,
                "value": version.metrics.get("test", {}).get(metric),
                "low": interval.low if interval else None,
                "high": interval.high if interval else None,
                "gates": len(gates),
                "gates_failed": failed_gates(gates),
                "problem": problem,
            }
        )
    return rows


def evaluation_of(lake: Lake, version: Version) -> tuple[Any, str]:
    """The version's evaluation, or None with what is wrong with its files."""
    from lakehouse.training.artefact import load_evaluation

    try:
        return load_evaluation(lake.settings.models_dir, version), ""
    except LakehouseError as error:
        return None, str(error)


def failed_gates(gates: Iterable[GateResult]) -> list[str]:
    """Names of the gates that were not passed."""
    return [gate.gate for gate in gates if not gate.passed]


def promote_command(
    settings: Settings, name: str, text: str, *, why: str, shadow: bool = False
) -> None:
    """Let a version decide, or score beside the champion, as a recorded decision of this user."""
    from lakehouse.registry import promote, start_shadow

    find_model(name)
    with Lake(settings) as lake:
        version = find_version(lake, name, text).version
        failed = failed_gates(list_gates(lake, name, version))
        evidence = {"by_hand": True, "gates_failed": failed}
        move = start_shadow if shadow else promote
        moved = move(lake, name, version, who=user(), why=why, evidence=evidence)
        tell(lake, name)
    click.echo(f"{name} {moved.version} is {moved.state}, decided by {user()}: {why}")
    if failed:
        click.secho(f"it failed {', '.join(failed)}", fg="yellow", err=True)


def rollback_command(settings: Settings, name: str, *, why: str) -> None:
    """Take the champion back; the one before it decides again."""
    from lakehouse.registry import champion, rollback

    find_model(name)
    with Lake(settings) as lake:
        taken_back = champion(lake, name).version
        moved = rollback(
            lake, name, who=user(), why=why, evidence={"by_hand": True}, deciding=taken_back
        )
        tell(lake, name)
    click.echo(f"{name} {taken_back} was rolled back; {moved.version} decides again")


def archive_command(settings: Settings, name: str, text: str, *, why: str) -> None:
    """Take a candidate or a shadow out of the running."""
    from lakehouse.registry import archive

    find_model(name)
    with Lake(settings) as lake:
        version = find_version(lake, name, text).version
        archive(lake, name, version, who=user(), why=why, evidence={"by_hand": True})
        tell(lake, name)
    click.echo(f"{name} {version} is archived")


def report_command(
    settings: Settings, name: str, text: str, *, output: Path | None, open_it: bool
) -> None:
    """Write the report of a version, and say where it is."""
    from lakehouse.training.report import write_report

    spec = find_model(name)
    with Lake(settings, read_only=True) as lake:
        path = write_report(spec, lake, find_version(lake, name, text))
    if output is not None:
        target = output / f"{path.parent.name}.html" if output.is_dir() else output
        target.write_bytes(path.read_bytes())
        path = target
    click.echo(str(path))
    if open_it:
        click.launch(path.resolve().as_uri())


def reproduce_command(settings: Settings, name: str, text: str, *, force: bool) -> bool:
    """Train a version again from what it pinned, and say whether its bytes are the same."""
    from lakehouse.training.reproduce import reproduce

    spec = find_model(name)
    with Lake(settings) as lake:
        version = find_version(lake, name, text)
        made = reproduce(spec, lake, version, force=force)
    for file, (registered, now) in made.files.items():
        mark = "same" if registered == now else "DIFFERS"
        click.echo(f"{file:12} {registered[:16]} {now[:16]} {mark}")
    click.secho(f"{name} {version.version}: {made.why}", fg="green" if made.same else "red")
    return made.same


def user() -> str:
    """Who is at the keyboard, as the operating system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry in the user database, as in many containers
        return f"uid {os.getuid()}"


def tell(lake: Lake, model: str) -> None:
    """Let MLflow know of a move, if there is one; it never undoes the move."""
    from lakehouse.tracking import mirror

    problem = mirror(lake, model).problem
    if problem:
        click.secho(f"warning: {problem}", fg="yellow", err=True)


def with_interval(metric: str, row: Mapping[str, Any]) -> str:
    """`average_precision 0.512 [0.48, 0.55]`, as far as it is known."""
    if not metric or row["value"] is None:
        return ""
    interval = f" [{row['low']:.3f}, {row['high']:.3f}]" if row["low"] is not None else ""
    return f"{metric} {row['value']:.3f}{interval}"


def console() -> Console:
    """Where tables are printed; a pipe has no width that anything should be cut to."""
    return Console(width=None if sys.stdout.isatty() else 1_000)


def print_json(value: Any) -> None:
    """Print as indented JSON; times as ISO texts."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def transitions_of(lake: Lake, version: Version) -> list[dict[str, Any]]:
    """The recorded decisions about one version, the newest first."""
    return [
        dict(vars(t)) for t in list_transitions(lake, version.model) if t.version == version.version
    ]

"""`lakehouse models`: versions, their figures and states, and the moves that people decide."""

import getpass
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from lakehouse.commands.opening import open_lake
from lakehouse.commands.output import Output, Tone, Toned, say, warn
from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake
from lakehouse.models.spec import ModelSpec
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

STATES: dict[str, Tone] = {
    "champion": "good",
    "shadow": "new",
    "rolled_back": "bad",
    "archived": "soft",
}


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
    if not versions:
        raise RegistryError(f"{model} has no version yet; `lakehouse run` trains it")
    known = ", ".join(v.version for v in versions)
    what = "several versions begin with" if found else "has no version"
    raise RegistryError(f"{model}: {what} {text!r}; known are: {known}")


def list_command(settings: Settings, *, as_json: bool) -> None:
    """Print every version of every model, the newest first."""
    with open_lake(settings) as lake:
        rows = [row for model in list_models(lake) for row in version_rows(lake, model)]
    if as_json:
        Output().json(rows)
        return
    if not rows:
        say("no model was trained yet; `lakehouse run` trains those that are declared")
        return
    Output().table(
        ("model", "version", "state", "created", "on test", "gates"),
        [
            (
                row["model"],
                row["version"],
                state(row["state"]),
                f"{row['created_at']:%Y-%m-%d %H:%M}",
                with_interval(row["metric"], row),
                _gates(row["gates"], row["gates_failed"]),
            )
            for row in rows
        ],
    )


def state(name: str) -> Toned | str:
    """The state of a version, in its colour."""
    return Toned(name, STATES[name]) if name in STATES else name


def _gates(count: int, failed: list[str]) -> Toned | str:
    return Toned(f"failed: {', '.join(failed)}", "bad") if failed else f"{count} passed"


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
    from lakehouse.models.artefact import load_evaluation

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
    """Let a version decide, or score beside the champion, as a recorded decision of this user.

    A version that does so already is left alone, and said to.
    """
    from lakehouse.models.readiness import prover
    from lakehouse.registry import promote, start_shadow

    spec = find_model(name)
    with open_lake(settings, read_only=False) as lake:
        chosen = find_version(lake, name, text)
        version = chosen.version
        if _is_already(chosen, "shadow" if shadow else "champion"):
            return
        failed = failed_gates(list_gates(lake, name, version))
        evidence = {"by_hand": True, "gates_failed": failed}
        move = start_shadow if shadow else partial(promote, prove=prover(spec, lake))
        moved = move(lake, name, version, who=user(), why=why, evidence=evidence)
        tell(lake, name)
    say(f"{name} {moved.version} is {moved.state}, decided by {user()}: {why}")
    if failed:
        warn(f"it failed {', '.join(failed)}")


def rollback_command(settings: Settings, name: str, *, why: str) -> None:
    """Take the champion back; the nearest one before it that can score decides again."""
    from lakehouse.models.readiness import prover
    from lakehouse.registry import champion, rollback

    spec = find_model(name)
    fallback = "" if spec.promotion.fallback == "none" else spec.promotion.fallback
    with open_lake(settings, read_only=False) as lake:
        taken_back = champion(lake, name).version
        moved = rollback(
            lake,
            name,
            who=user(),
            why=why,
            prove=prover(spec, lake),
            fallback=fallback,
            evidence={"by_hand": True},
            deciding=taken_back,
        )
        tell(lake, name)
    then = (
        f"{moved.version} decides again"
        if moved
        else f"no earlier version can score, so the declared fallback ({fallback}) decides"
    )
    say(f"{name} {taken_back} was rolled back; {then}")


def archive_command(settings: Settings, name: str, text: str, *, why: str) -> None:
    """Take a candidate or a shadow out of the running."""
    from lakehouse.registry import archive

    find_model(name)
    with open_lake(settings, read_only=False) as lake:
        chosen = find_version(lake, name, text)
        version = chosen.version
        if _is_already(chosen, "archived"):
            return
        archive(lake, name, version, who=user(), why=why, evidence={"by_hand": True})
        tell(lake, name)
    say(f"{name} {version} is archived")


def _is_already(version: Version, wanted: str) -> bool:
    """Whether a move would be none; then says so, as nothing is recorded."""
    if version.state != wanted:
        return False
    say(f"{version.model} {version.version} is {wanted} already; nothing was changed or recorded")
    return True


def report_command(
    settings: Settings, name: str, text: str, *, output: Path | None, open_it: bool
) -> None:
    """Write the report of a version, and say where it is."""
    from lakehouse.training.report import write_report

    spec = find_model(name)
    with open_lake(settings) as lake:
        path = write_report(spec, lake, find_version(lake, name, text))
    if output is not None:
        target = output / f"{path.parent.name}.html" if output.is_dir() else output
        target.write_bytes(path.read_bytes())
        path = target
    say(str(path))
    if open_it:
        click.launch(path.resolve().as_uri())


def reproduce_command(settings: Settings, name: str, text: str, *, force: bool) -> bool:
    """Train a version again from what it pinned, and say whether its bytes are the same."""
    from lakehouse.training.reproduction import reproduce

    spec = find_model(name)
    with open_lake(settings, read_only=False) as lake:
        version = find_version(lake, name, text)
        made = reproduce(spec, lake, version, force=force)
    for file, (registered, now) in made.files.items():
        mark = "same" if registered == now else "DIFFERS"
        say(f"{file:12} {registered[:16]} {now[:16]} {mark}")
    say(Toned(f"{name} {version.version}: {made.why}", "good" if made.same else "bad"))
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
        warn(f"warning: {problem}")


def with_interval(metric: str, row: Mapping[str, Any]) -> str:
    """`average_precision 0.512 [0.48, 0.55]`, as far as it is known."""
    if not metric or row["value"] is None:
        return ""
    interval = f" [{row['low']:.3f}, {row['high']:.3f}]" if row["low"] is not None else ""
    return f"{metric} {row['value']:.3f}{interval}"


def transitions_of(lake: Lake, version: Version) -> list[dict[str, Any]]:
    """The recorded decisions about one version, the newest first."""
    return [
        dict(vars(t)) for t in list_transitions(lake, version.model) if t.version == version.version
    ]

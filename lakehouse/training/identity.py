"""The hashes that identify a version's inputs, and the rule that decides when a new one is due."""

import hashlib
import json
from functools import cache
from importlib.metadata import version as library_version
from pathlib import Path

import lakehouse
from lakehouse.models.spec import ModelSpec
from lakehouse.models.split import DAY, Split
from lakehouse.registry import Version
from lakehouse.registry.requests import Request
from lakehouse.training.code_path import (
    Definition,
    definitions_behind,
    hash_of,
    reader_of,
)
from lakehouse.training.sets.dataset import Plan, TrainingSet

BUILD_FUNCTIONS = (
    "lakehouse.training.sets.dataset:training_set",
    "lakehouse.training.sets.training_data:load_training_data",
    "lakehouse.training.choosing.choice:choose",
    "lakehouse.training.fitting.warm_start:find_warm_start",
    "lakehouse.training.fitting.assembly:fit_model",
)
"""The functions that produce a version's bytes; their dependencies count too. The code that
evaluates, promotes or reports on a version is not included."""

OUTSIDE = (
    "lakehouse.errors",
    "lakehouse.features",
    "lakehouse.lake",
    "lakehouse.redaction",
    "lakehouse.registry",
    "lakehouse.settings",
    "lakehouse.training.identity",
)
"""Packages that store and name things but do not compute any part of a version. Feature sets have
versions of their own, and the YAML declaration is in the configuration hash. The condition of a
label is compiled there too: if its meaning changes, so does the hash of the training set."""


def why_due(
    spec: ModelSpec,
    planned: Plan,
    newest: Version | None,
    *,
    exact: bool = False,
    request: Request | None = None,
) -> str:
    """Return the reason why a new version is due, or an empty text.

    With `exact`, any split other than the newest version's counts. A `request` since the
    newest version was trained is due with the next day of settled labels: the same rows would give
    the same version.
    """
    if newest is None:
        return "first version"
    if newest.config_hash != config_hash(spec):
        return "the configuration changed"
    if newest.feature_schema_hash != planned.schema.hash:
        return "the features changed"
    if newest.code_hash != code_hash():
        return "the training code changed"
    moved = planned.split.test_until - Split.from_json(newest.split).test_until
    if exact and newest.split != planned.split.as_json():
        return "another split was requested"
    if not exact and request is not None and moved >= DAY:
        return f"requested: {request.reason}"
    if not exact and moved >= max(spec.retrain.every, DAY):
        return f"labels of {moved.days} more days have settled"
    return ""


def describe_current(spec: ModelSpec, planned: Plan, newest: Version) -> str:
    """Why no version is due yet: up to when labels have settled, and up to when they have to."""
    due = Split.from_json(newest.split).test_until + max(spec.retrain.every, DAY)
    settled = planned.split.test_until
    return (
        f"up to date: the labels of {spec.label_table} have settled for rows before "
        f"{settled:%Y-%m-%d}, and the next version is due with those before {due:%Y-%m-%d}"
    )


def is_same(spec: ModelSpec, pinned: TrainingSet, version: Version) -> bool:
    """Whether training on this set gives that version again (with a warm start, a similar one)."""
    return (
        version.training_set_hash,
        version.config_hash,
        version.code_hash,
        version.feature_schema_hash,
    ) == (pinned.hash, config_hash(spec), code_hash(), pinned.schema.hash)


def config_hash(spec: ModelSpec) -> str:
    """SHA-256 of the declared fields that affect a trained artefact."""
    return hashlib.sha256(json.dumps(spec.recipe(), sort_keys=True).encode()).hexdigest()


@cache
def code_hash() -> str:
    """SHA-256 of the definitions that produce a version's bytes, and of the versions of LightGBM
    and NumPy. Comments, docstrings and file locations do not affect it."""
    versions = [f"{name} {library_version(name)}" for name in ("lightgbm", "numpy")]
    return hash_of([*versions, *code_definitions().values()])


def code_definitions() -> dict[Definition, str]:
    """The definitions that produce a version's bytes, each with its SHA-256."""
    package = Path(lakehouse.__file__).parent
    return definitions_behind(BUILD_FUNCTIONS, reader_of(package), OUTSIDE)

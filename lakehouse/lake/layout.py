"""What the layers and the tables of the lake are called; no other module spells a name.

Which columns a table has stands where it is made. Tables of `staging`, `core` and `reporting` are
named by the SQL that makes them.
"""

import re

from lakehouse.lake.names import Table


class Layer(str):
    """A schema of the lake, by its name; also the group of the assets that are in it."""

    __slots__ = ()

    def table(self, name: str) -> Table:
        """The table, view or asset called `name` in this layer."""
        return Table(f"{self}.{name}")


RAW = Layer("raw")
QUARANTINE = Layer("quarantine")
STAGING = Layer("staging")
CORE = Layer("core")
REPORTING = Layer("reporting")
FEATURES = Layer("features")
TRAINING = Layer("training")
REGISTRY = Layer("registry")
PREDICTIONS = Layer("predictions")
MONITORING = Layer("monitoring")
OPS = Layer("ops")

LAYERS = (
    RAW,
    QUARANTINE,
    STAGING,
    CORE,
    REPORTING,
    FEATURES,
    TRAINING,
    REGISTRY,
    PREDICTIONS,
    MONITORING,
    OPS,
)
"""All of them, in the order in which data passes."""

DERIVED = (STAGING, CORE, REPORTING, FEATURES)
"""What is made of raw rows alone, and can be made of them again."""

QUARANTINED = QUARANTINE.table("rows")
DECIDED_ROWS = QUARANTINE.table("decided")

TRAINING_SETS = REGISTRY.table("training_sets")
VERSIONS = REGISTRY.table("versions")
TRANSITIONS = REGISTRY.table("transitions")
GATES = REGISTRY.table("gates")
TRIALS = REGISTRY.table("trials")
THRESHOLDS = REGISTRY.table("thresholds")
REQUESTS = REGISTRY.table("requests")

REFERENCE = MONITORING.table("reference")
FEATURE_DRIFT = MONITORING.table("feature_drift")
SCORE_DRIFT = MONITORING.table("score_drift")
VOLUME = MONITORING.table("volume")
ESTIMATED = MONITORING.table("estimated_performance")
FINDINGS = MONITORING.table("findings")
PERFORMANCE = MONITORING.table("performance")
CALIBRATION = MONITORING.table("calibration")
COMPARISONS = MONITORING.table("comparisons")
FAIRNESS = MONITORING.table("fairness")
ACTIONS = MONITORING.table("actions")

PROGRESS = OPS.table("progress")
FILES = OPS.table("files")
DECISIONS = OPS.table("decisions")
CONTRACTS = OPS.table("contracts")
FEATURE_VERSIONS = OPS.table("feature_versions")
DBT_BUILDS = OPS.table("dbt_builds")

VERSIONED = re.compile(r"\b(\w+)__([0-9a-f]{8})\b")
"""The name of a feature set's table, wherever it is written: that of its view, and its version."""


def feature_view(feature_set: str, spine: str = "") -> Table:
    """What the set is read by: `features.<set>`, or `features.<set>__<spine>` for another spine."""
    view = FEATURES.table(feature_set)
    return view.beside(spine) if spine else view


def feature_table(view: str, version: str) -> Table:
    """The table of one version (eight hex digits) of the set whose view is `features.<view>`."""
    return FEATURES.table(view).beside(version)


def training_table(model: str) -> Table:
    """The model's training sets."""
    return TRAINING.table(model)


def predictions_view(model: str) -> Table:
    """The model's log as it holds now: a row for each scored key."""
    return PREDICTIONS.table(model)


def shadow_table(model: str) -> Table:
    """The log of the versions that score beside the champion, as it holds now."""
    return predictions_view(model).beside("shadow")


def decisions_table(model: str) -> Table:
    """Who decided about which loads, when and why."""
    return predictions_view(model).beside("decisions")


def inputs_table(model: str) -> Table:
    """The features of decisions, as the model saw them."""
    return predictions_view(model).beside("inputs")


def watch_progress(model: str, version: str) -> str:
    """Under which name it is kept how far a version was watched."""
    return f"{MONITORING.table(model)}@{version}"


def review_progress(model: str, version: str) -> str:
    """Under which name it is kept how far a version was judged on matured labels."""
    return f"{watch_progress(model, version)}/matured"


def shadow_progress(model: str, version: str) -> str:
    """Under which name it is kept how far a version has scored beside the champion."""
    return f"{shadow_table(model)}@{version}"


def log_table(log: str) -> Table:
    """Where every row of the log `schema.name` is."""
    return Table(log).beside("log")


def superseded_table(log: str) -> Table:
    """Which rows of the log `schema.name` hold no more, and what took their place."""
    return Table(log).beside("superseded")

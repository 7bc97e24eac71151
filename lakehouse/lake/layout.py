"""The names of all layers and tables of the lake; no other module spells a name.

The columns of a table are in the module that creates it. Tables of `staging`, `core` and
`reporting` get their names from their SQL.
"""

import re

from lakehouse.lake.names import Table


class Layer(str):
    """A schema of the lake, by name; with its domain also the asset group of its tables."""

    __slots__ = ()

    def table(self, name: str) -> Table:
        """The table, view or asset `name` in this layer."""
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
"""All layers, in the order of the data flow."""

DERIVED = (STAGING, CORE, REPORTING, FEATURES)
"""The layers derived from raw rows alone, which can be rebuilt from them."""

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
"""The table name of a feature set, derived from its view and its version."""


def feature_view(feature_set: str, spine: str = "") -> Table:
    """The view of the set: `features.<set>`, or `features.<set>__<spine>` for another spine."""
    view = FEATURES.table(feature_set)
    return view.with_suffix(spine) if spine else view


def feature_table(view: str, version: str) -> Table:
    """The table of one version (eight hex digits) of the set with the view `features.<view>`."""
    return FEATURES.table(view).with_suffix(version)


def training_table(model: str) -> Table:
    """The model's training sets."""
    return TRAINING.table(model)


def predictions_view(model: str) -> Table:
    """The current state of the model's log: one row for each scored key."""
    return PREDICTIONS.table(model)


def shadow_table(model: str) -> Table:
    """The current state of the log of the shadow versions."""
    return predictions_view(model).with_suffix("shadow")


def decisions_table(model: str) -> Table:
    """Who decided about which loads, when and why."""
    return predictions_view(model).with_suffix("decisions")


def inputs_table(model: str) -> Table:
    """The features of decisions, as the model received them."""
    return predictions_view(model).with_suffix("inputs")


def watch_progress(model: str, version: str) -> str:
    """The progress key of how far monitoring has examined a version."""
    return f"{MONITORING.table(model)}@{version}"


def review_progress(model: str, version: str) -> str:
    """The progress key of how far a version was evaluated on matured labels."""
    return f"{watch_progress(model, version)}/matured"


def shadow_progress(model: str, version: str) -> str:
    """The progress key of how far a version has scored in shadow."""
    return f"{shadow_table(model)}@{version}"


def log_table(log: str) -> Table:
    """The table with every row of the log `schema.name`."""
    return Table(log).with_suffix("log")


def superseded_table(log: str) -> Table:
    """The table of the superseded rows of the log `schema.name`, and of what replaced them."""
    return Table(log).with_suffix("superseded")

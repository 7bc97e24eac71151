"""Model versions: which exist, which one decides, and the history of their states."""

from lakehouse.registry.gates import GateResult, list_gates
from lakehouse.registry.promotion import (
    NoVersionReady,
    Prover,
    archive,
    champion,
    predecessor,
    promote,
    rollback,
    scoring_versions,
    start_shadow,
)
from lakehouse.registry.states import MOVES, RegistryError, State
from lakehouse.registry.thresholds import Threshold, threshold_at
from lakehouse.registry.versions import (
    NoChampion,
    Transition,
    Version,
    get_version,
    list_models,
    list_transitions,
    list_versions,
)

__all__ = [
    "MOVES",
    "GateResult",
    "NoChampion",
    "NoVersionReady",
    "Prover",
    "RegistryError",
    "State",
    "Threshold",
    "Transition",
    "Version",
    "archive",
    "champion",
    "get_version",
    "list_gates",
    "list_models",
    "list_transitions",
    "list_versions",
    "predecessor",
    "promote",
    "rollback",
    "scoring_versions",
    "start_shadow",
    "threshold_at",
]

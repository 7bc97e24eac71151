"""Model versions: what there is, which one decides, and how that came to be."""

from lakehouse.registry.gates import GateResult, list_gates
from lakehouse.registry.promotion import champion, promote, rollback
from lakehouse.registry.versions import (
    NoChampion,
    RegistryError,
    Transition,
    Version,
    get_version,
    list_transitions,
    list_versions,
)

__all__ = [
    "GateResult",
    "NoChampion",
    "RegistryError",
    "Transition",
    "Version",
    "champion",
    "get_version",
    "list_gates",
    "list_transitions",
    "list_versions",
    "promote",
    "rollback",
]

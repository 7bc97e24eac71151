"""The declaration of a model as plain data: the fields of `defs.yaml`.

This package does not read the lake or train; it refuses unknown fields and metrics when the file is
read.
"""

from lakehouse.models.spec.choosing import (
    Between,
    Calibration,
    Extraction,
    FeatureSelection,
    Folds,
    Imbalance,
    OneOf,
    Search,
    Threshold,
)
from lakehouse.models.spec.data import Forward, Group, Settled, Spine, SplitSpec
from lakehouse.models.spec.judging import (
    Capacity,
    DeclaredCard,
    Fairness,
    Gate,
    Judging,
    Money,
    Reports,
    Stress,
)
from lakehouse.models.spec.lifecycle import Actions, Promotion, Retrain, Shadow, Watch
from lakehouse.models.spec.model import FIXED_PARAMS, ModelSpec

__all__ = [
    "FIXED_PARAMS",
    "Actions",
    "Between",
    "Calibration",
    "Capacity",
    "DeclaredCard",
    "Extraction",
    "Fairness",
    "FeatureSelection",
    "Folds",
    "Forward",
    "Gate",
    "Group",
    "Imbalance",
    "Judging",
    "ModelSpec",
    "Money",
    "OneOf",
    "Promotion",
    "Reports",
    "Retrain",
    "Search",
    "Settled",
    "Shadow",
    "Spine",
    "SplitSpec",
    "Stress",
    "Threshold",
    "Watch",
]

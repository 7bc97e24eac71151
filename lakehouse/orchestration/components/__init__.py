"""The types of a `defs.yaml`: a source, a feature set or a predictive model.

Each wraps the plain spec of its domain package; the YAML fields are the fields of the spec.
"""

from lakehouse.orchestration.components.feature_set import FeatureSet
from lakehouse.orchestration.components.predictive_model import PredictiveModel
from lakehouse.orchestration.components.source import Source

__all__ = ["FeatureSet", "PredictiveModel", "Source"]

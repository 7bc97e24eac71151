"""Models: declaration, features, labels, split, and trained artefact.

Fitting, choosing and evaluating are in `training`. Scoring, monitoring and serving depend on this
package, not on `training`.
"""

from lakehouse.models.artefact import load_evaluation, load_model
from lakehouse.models.errors import BadArtefact, NotEnoughData, SchemaMismatch, TrainingError
from lakehouse.models.model import Model, ModelCard
from lakehouse.models.spec import ModelSpec
from lakehouse.models.split import Split

__all__ = [
    "BadArtefact",
    "Model",
    "ModelCard",
    "ModelSpec",
    "NotEnoughData",
    "SchemaMismatch",
    "Split",
    "TrainingError",
    "load_evaluation",
    "load_model",
]

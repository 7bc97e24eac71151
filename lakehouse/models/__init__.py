"""What a model is: its declaration, features, labels and split, and its trained artefact.

Fitting, choosing and judging are in `training`. Scoring, monitoring and serving need this alone.
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

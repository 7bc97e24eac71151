"""Training: sets, splits, fits, metrics and gates of the models that YAML declares."""

from lakehouse.training.artefact import load_model
from lakehouse.training.dataset import TrainingSet, training_set
from lakehouse.training.errors import BadArtefact, NotEnoughData, SchemaMismatch, TrainingError
from lakehouse.training.model import Model, ModelCard
from lakehouse.training.spec import ModelSpec
from lakehouse.training.split import Split
from lakehouse.training.train import TrainReport, train

__all__ = [
    "BadArtefact",
    "Model",
    "ModelCard",
    "ModelSpec",
    "NotEnoughData",
    "SchemaMismatch",
    "Split",
    "TrainReport",
    "TrainingError",
    "TrainingSet",
    "load_model",
    "train",
    "training_set",
]

"""Training: sets, splits, fits, metrics and gates of the models that YAML declares."""

from lakehouse.training.artefact import load_evaluation, load_model
from lakehouse.training.collapse import Collapsed
from lakehouse.training.dataset import TrainingSet, training_set
from lakehouse.training.errors import BadArtefact, NotEnoughData, SchemaMismatch, TrainingError
from lakehouse.training.model import Model, ModelCard
from lakehouse.training.spec import ModelSpec
from lakehouse.training.split import Split
from lakehouse.training.train import TrainReport, standing, train

__all__ = [
    "BadArtefact",
    "Collapsed",
    "Model",
    "ModelCard",
    "ModelSpec",
    "NotEnoughData",
    "SchemaMismatch",
    "Split",
    "TrainReport",
    "TrainingError",
    "TrainingSet",
    "load_evaluation",
    "load_model",
    "standing",
    "train",
    "training_set",
]

"""Training of declared models: training sets, fits, model selection, evaluation and reports."""

from lakehouse.training.fitting.collapse import Collapsed
from lakehouse.training.sets.dataset import TrainingSet, training_set
from lakehouse.training.step import TrainReport, standing, train

__all__ = ["Collapsed", "TrainReport", "TrainingSet", "standing", "train", "training_set"]

"""Training of declared models: training sets, fits, model selection, evaluation and reports."""

from lakehouse.training.fitting.collapse import Collapsed
from lakehouse.training.sets.dataset import TrainingSet, training_set
from lakehouse.training.step import TrainReport, report_champion, train

__all__ = ["Collapsed", "TrainReport", "TrainingSet", "report_champion", "train", "training_set"]

"""A model as assets: its training set, its versions, its predictions, and how it is watched."""

import dagster as dg

from lakehouse.models import ModelSpec
from lakehouse.orchestration.components.base import SpecComponent
from lakehouse.orchestration.components.model_monitoring import monitoring_step
from lakehouse.orchestration.components.model_predictions import predictions_step
from lakehouse.orchestration.components.model_training import training_step


class PredictiveModel(SpecComponent):
    """A LightGBM model: trained when it is due, promoted by its rule, scoring what is new, watched.

    What each step does is in the packages `training`, `scoring` and `monitoring`.
    """

    spec_class = ModelSpec
    spec: ModelSpec

    def definitions(self) -> dg.Definitions:
        """The step that trains, the step that scores and the step that watches."""
        steps = (training_step, predictions_step, monitoring_step)
        return dg.Definitions(assets=[step(self.spec) for step in steps])

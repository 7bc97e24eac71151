"""A model as assets: its training set, its versions, its predictions and its monitoring."""

import dagster as dg

from lakehouse.models import ModelSpec
from lakehouse.orchestration.components.base import SpecComponent
from lakehouse.orchestration.components.model_monitoring import monitoring_step
from lakehouse.orchestration.components.model_predictions import predictions_step
from lakehouse.orchestration.components.model_training import training_step


class PredictiveModel(SpecComponent):
    """A LightGBM model: trained when due, promoted by its rule, scoring new rows, monitored.

    The packages `training`, `scoring` and `monitoring` implement the steps.
    """

    spec_class = ModelSpec
    spec: ModelSpec

    def definitions(self) -> dg.Definitions:
        """The training, scoring and monitoring steps."""
        steps = (training_step, predictions_step, monitoring_step)
        return dg.Definitions(assets=[step(self.spec) for step in steps])

"""Explanations on the test rows: SHAP summary, sample reasons, and an independent check.

All of it applies to the trees and the matrix that they use.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.explanations import (
    ExplanationCost,
    Reason,
    ShapSummary,
    contributions,
    explanation_cost,
    reasons,
    shap_summary,
)
from lakehouse.evaluation.surrogate import Agreement, agreement, local_surrogate
from lakehouse.models.schema import Matrix
from lakehouse.training.report.gathering import ReportData

_CHECKED = 20
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Insight:
    """A gathered version's trees, and explanations of their predictions on its test rows."""

    gathered: ReportData

    @property
    def booster(self) -> Any:
        """The trees."""
        return self.gathered.model.booster

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the trees use."""
        return self.gathered.model.card.inputs

    def tree_matrix(self, matrix: Matrix) -> Matrix:
        """These rows as the trees see them."""
        return self.gathered.model.columns.matrix(matrix)

    @cached_property
    def summary(self) -> ShapSummary:
        """TreeSHAP on a sample of the test rows."""
        card = self.gathered.model.card
        return shap_summary(
            self.booster,
            self.tree_matrix(self.gathered.rows.matrix),
            self.names,
            outputs=card.classes or ("",),
            unit=card.task.contribution(self.gathered.unit),
        )

    @cached_property
    def cost(self) -> ExplanationCost:
        """The cost of explaining one row."""
        return explanation_cost(self.booster)

    @cached_property
    def highest(self) -> npt.NDArray[np.int64]:
        """Positions of the test rows with the highest scores, highest first."""
        return np.argsort(-self.gathered.prediction, kind="stable")[:_CHECKED]

    def samples(self) -> list[tuple[float, bool, list[Reason]]]:
        """Score, truth and reasons of a binary model's test rows with the highest scores."""
        chosen = self.highest[:_SHOWN]
        rows, prediction = self.gathered.rows, self.gathered.prediction
        found = reasons(self.booster, self.tree_matrix(rows.matrix[chosen]), self.names)
        return [
            (float(prediction[i]), bool(rows.label[i] > 0), why)
            for i, why in zip(chosen, found, strict=True)
        ]

    def check_agreement(self) -> Agreement | None:
        """How well local linear models agree with TreeSHAP on a binary model's highest scores."""
        matrix = self.tree_matrix(self.gathered.rows.matrix[self.highest])
        sample = self.summary.values

        def raw(rows: Matrix) -> Any:
            return self.booster.predict(rows, raw_score=True)

        lines = [local_surrogate(raw, row, sample) for row in matrix]
        if not lines:
            return None
        return agreement(contributions(self.booster, matrix)[0][:, :-1], lines)

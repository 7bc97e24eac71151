"""What the model looks at on its test rows: SHAP summary, sample reasons, the check by other means.

All of it is told of the trees and the matrix that they see.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.explanations import (
    ExplainingCost,
    Reason,
    ShapSummary,
    contributions,
    explaining_cost,
    reasons,
    shap_summary,
)
from lakehouse.evaluation.surrogate import Agreement, agreement, local_surrogate
from lakehouse.models.schema import Matrix
from lakehouse.training.report.gather import Gathered

_CHECKED = 20
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Insight:
    """A gathered version's trees, and what they make of its test rows."""

    gathered: Gathered

    @property
    def booster(self) -> Any:
        """The trees."""
        return self.gathered.model.booster

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the trees see."""
        return self.gathered.model.card.inputs

    def seen(self, matrix: Matrix) -> Matrix:
        """What the trees see of these rows."""
        return self.gathered.model.columns.matrix(matrix)

    @cached_property
    def summary(self) -> ShapSummary:
        """TreeSHAP on a sample of the test rows."""
        card = self.gathered.model.card
        return shap_summary(
            self.booster,
            self.seen(self.gathered.rows.matrix),
            self.names,
            outputs=card.classes or ("",),
            unit=card.task.contribution(self.gathered.unit),
        )

    @cached_property
    def cost(self) -> ExplainingCost:
        """What the reasons for one row cost."""
        return explaining_cost(self.booster)

    @cached_property
    def highest(self) -> npt.NDArray[np.int64]:
        """Positions of the test rows with the highest scores, the highest first."""
        return np.argsort(-self.gathered.said, kind="stable")[:_CHECKED]

    def samples(self) -> list[tuple[float, bool, list[Reason]]]:
        """Score, truth and reasons of the few highest scores of a binary model's test rows."""
        chosen = self.highest[:_SHOWN]
        rows, said = self.gathered.rows, self.gathered.said
        found = reasons(self.booster, self.seen(rows.matrix[chosen]), self.names)
        return [
            (float(said[i]), bool(rows.label[i] > 0), why)
            for i, why in zip(chosen, found, strict=True)
        ]

    def checked(self) -> Agreement | None:
        """How far local lines agree with TreeSHAP on the highest scores of a binary model."""
        matrix = self.seen(self.gathered.rows.matrix[self.highest])
        sample = self.summary.values

        def raw(rows: Matrix) -> Any:
            return self.booster.predict(rows, raw_score=True)

        lines = [local_surrogate(raw, row, sample) for row in matrix]
        if not lines:
            return None
        return agreement(contributions(self.booster, matrix)[0][:, :-1], lines)

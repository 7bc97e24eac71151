"""The record of a metric: everything that callers need is in one place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.predictions import TaskName
from lakehouse.evaluation.scales import IDENTITY, LOG, LOGIT, Scale

Unit = Literal["share", "gain", "nats", "label", "ratio", "alerts a day", "alerts a week"]
"""`share`: 0 to 1. `gain`: a difference of shares. `label`: the label's own unit."""

_SCALES: dict[Unit, Scale] = {"share": LOGIT, "nats": LOG, "label": LOG}


@dataclass(frozen=True)
class Metric:
    """One measure of the quality of predictions.

    `function` takes the predictions of one of the `tasks` and a weight for each row; it returns NaN
    for what cannot be computed (a single class, no rows), never a favourable default. `needs` names
    the attributes of predictions that the metric requires. `better` is `neither` for a metric whose
    ideal value is in the middle: gates bound it, and comparisons do not use it. `description` is
    half a line for people.
    """

    name: str
    tasks: tuple[TaskName, ...]
    label: str
    description: str
    unit: Unit
    better: Literal["higher", "lower", "neither"]
    function: Callable[[Any, Floats], float]
    source: str
    needs: tuple[str, ...] = ()

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller value is better."""
        return self.better == "lower"

    @property
    def scale(self) -> Scale:
        """The scale on which the metric's errors are nearly normal."""
        return _SCALES.get(self.unit, IDENTITY)

"""What is recorded of a metric: one record holds all that anybody needs to know of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.predictions import TaskName
from lakehouse.evaluation.scales import IDENTITY, LOG, LOGIT, Scale

Unit = Literal["share", "gain", "nats", "label", "ratio", "alerts a day"]
"""`share`: 0 to 1. `gain`: a difference of shares. `label`: the label's own unit."""

_SCALES: dict[Unit, Scale] = {"share": LOGIT, "nats": LOG, "label": LOG}


@dataclass(frozen=True)
class Metric:
    """One figure of what predictions are worth.

    `function` takes the predictions of one of the `tasks` and a weight for each row; it returns NaN
    for what cannot be computed (one class only, no rows), never a flattering number. `needs` names
    the attributes of predictions without which there is no such metric. `better` is `neither` for
    what is best in the middle: gates bound it, and nothing is compared by it. `description` is half
    a line for people.
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
        """Whether a smaller value is the better one."""
        return self.better == "lower"

    @property
    def scale(self) -> Scale:
        """The scale on which the metric's errors are nearly normal."""
        return _SCALES.get(self.unit, IDENTITY)

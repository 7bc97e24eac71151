"""All operations by name."""

from typing import Any

from lakehouse.features.ops.count_since import CountSince
from lakehouse.features.ops.distinct import Distinct
from lakehouse.features.ops.extremes import Maximum, Minimum
from lakehouse.features.ops.last import Last
from lakehouse.features.ops.operation import Operation
from lakehouse.features.ops.quantile import Quantile
from lakehouse.features.ops.refusals import REFUSED
from lakehouse.features.ops.since import SinceFirst, SinceLast
from lakehouse.features.ops.totals import Count, Sum, SumOfSquares

OPERATIONS: dict[str, Operation[Any]] = {
    operation.name: operation
    for operation in (
        Count(),
        Sum(),
        SumOfSquares(),
        Minimum(),
        Maximum(),
        Distinct(),
        Quantile(),
        Last(),
        SinceLast(),
        SinceFirst(),
        CountSince(),
    )
}


def find_operation(name: str) -> Operation[Any]:
    """The operation called `name`.

    Raises:
        ValueError: when it does not exist, with the names that do, or what to write instead.
    """
    if name in REFUSED:
        raise ValueError(f"op {name} is refused: {REFUSED[name]}")
    if name not in OPERATIONS:
        raise ValueError(f"unknown op {name!r}; known: {', '.join(OPERATIONS)}")
    return OPERATIONS[name]

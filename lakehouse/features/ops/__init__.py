"""Window operations, one class each; the class is the only place with code for its operation.

To add one, write its class here and list it in `registry.py`.
"""

from lakehouse.features.ops.lane import Lane
from lakehouse.features.ops.operation import FIELDS, Aggregate, Operation
from lakehouse.features.ops.registry import OPERATIONS, find_operation
from lakehouse.features.ops.totals import Total
from lakehouse.features.ops.window import Window

__all__ = [
    "FIELDS",
    "OPERATIONS",
    "Aggregate",
    "Lane",
    "Operation",
    "Total",
    "Window",
    "find_operation",
]

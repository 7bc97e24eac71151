"""Operations that running values of the stream determine at any time, without reading its rows."""

from abc import abstractmethod

from lakehouse.features.ops.operation import Aggregate, Operation, Part
from lakehouse.features.ops.sql import Columns, Lookups


class RunningOperation(Operation[Part]):
    """An operation with a third SQL form: running values at t and at the start of each window."""

    @abstractmethod
    def look_up(self, a: Aggregate, columns: Columns, lookups: Lookups) -> str:
        """SQL: the value at `p.t`, from the columns that `lookups` holds."""

"""Operations that values along the stream can tell at any time, without looking at its rows."""

from abc import abstractmethod

from lakehouse.features.ops.operation import Aggregate, Operation, Part
from lakehouse.features.ops.sql import Columns, Lookups


class RunningOperation(Operation[Part]):
    """An operation with a third SQL: values along the stream, taken at t or where windows begin."""

    @abstractmethod
    def look_up(self, a: Aggregate, columns: Columns, lookups: Lookups) -> str:
        """SQL: the value at `p.t`, from what `lookups` keeps."""

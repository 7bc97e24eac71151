"""The one way by which people's SQL reaches the lake: it can read tables, and nothing else."""

from lakehouse.lake.door.door import Door
from lakehouse.lake.door.statement import Refused

__all__ = ["Door", "Refused"]

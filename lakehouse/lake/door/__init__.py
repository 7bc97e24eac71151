"""The only entry for user SQL into the lake: it can read tables and do nothing else."""

from lakehouse.lake.door.door import Door
from lakehouse.lake.door.statement import Refused

__all__ = ["Door", "Refused"]

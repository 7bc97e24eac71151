"""Watching models at work: drift, volume, what can be told before labels arrive, and after.

Nothing here acts: it finds, keeps what it found with its history, and asks. `registry` acts.
"""

from lakehouse.monitoring.findings import Finding
from lakehouse.monitoring.look.step import WatchReport, watch

__all__ = ["Finding", "WatchReport", "watch"]

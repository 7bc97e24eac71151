"""Monitoring of deployed models: drift, volume, and performance before and after labels arrive.

Monitoring records findings with their history and requests actions; `registry` carries them out.
"""

from lakehouse.monitoring.findings import Finding
from lakehouse.monitoring.look.step import WatchReport, watch

__all__ = ["Finding", "WatchReport", "watch"]

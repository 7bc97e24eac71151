"""Copies of the registry for external trackers. Write-only: nothing is ever read back."""

from lakehouse.tracking.mlflow import MirrorResult, MissingExtra, mirror

__all__ = ["MirrorResult", "MissingExtra", "mirror"]

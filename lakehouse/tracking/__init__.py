"""Copies of the registry for external trackers. Write-only: nothing is ever read back."""

from lakehouse.tracking.mlflow import Mirrored, MissingExtra, mirror

__all__ = ["Mirrored", "MissingExtra", "mirror"]

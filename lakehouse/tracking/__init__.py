"""Showing the registry to outside trackers. Copies only: nothing here is ever read back."""

from lakehouse.tracking.mlflow import Mirrored, MissingExtra, mirror

__all__ = ["Mirrored", "MissingExtra", "mirror"]

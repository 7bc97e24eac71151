"""The lake itself: connect, read, write, snapshots, maintenance. Knows nobody but the settings."""

from lakehouse.lake.lake import Author, Lake, LakeError, NoSuchTable
from lakehouse.lake.names import literal, qualified, quote

__all__ = ["Author", "Lake", "LakeError", "NoSuchTable", "literal", "qualified", "quote"]

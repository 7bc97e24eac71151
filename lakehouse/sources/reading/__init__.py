"""Landed files as Arrow tables: every row with its number, its columns and, if bad, its text.

This package only decides whether a file and its rows can be read; `column_types.py` covers types.
"""

from lakehouse.sources.reading.files import file_format, read_file
from lakehouse.sources.reading.tables import Block, Reading, Shape, Unreadable, is_original

__all__ = ["Block", "Reading", "Shape", "Unreadable", "file_format", "is_original", "read_file"]

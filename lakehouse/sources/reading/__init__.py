"""Landed files as Arrow tables: every row with its number, its columns and, if bad, its text.

Nothing is judged here but whether a file and its rows can be read; types are for `column_types.py`.
"""

from lakehouse.sources.reading.files import file_format, read_file
from lakehouse.sources.reading.tables import Block, Reading, Shape, Unreadable, is_original

__all__ = ["Block", "Reading", "Shape", "Unreadable", "file_format", "is_original", "read_file"]

"""A report as one self-contained HTML page: what stands on it, and how it is put into HTML.

What is true of a version is gathered elsewhere (`training.report`); nothing here reads files or
the lake, but its own template.
"""

from lakehouse.evaluation.report.page import (
    Badge,
    Block,
    Cell,
    Facts,
    Figure,
    Mark,
    Page,
    Section,
    Table,
    Text,
    Tone,
    render,
)

__all__ = [
    "Badge",
    "Block",
    "Cell",
    "Facts",
    "Figure",
    "Mark",
    "Page",
    "Section",
    "Table",
    "Text",
    "Tone",
    "render",
]

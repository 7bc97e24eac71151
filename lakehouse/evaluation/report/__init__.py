"""A report as one self-contained HTML page: its contents and their rendering.

The results come from other packages (`training.report`); nothing here reads the lake, or files
other than the template.
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

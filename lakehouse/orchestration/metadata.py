"""Metadata entries that several kinds of assets share."""

import base64
from datetime import UTC, datetime

import dagster as dg

from lakehouse.lake import ALWAYS
from lakehouse.markdown import escape

ROWS_WRITTEN = "rows_written"
"""Rows that the run wrote, new or replaced; `dagster/row_count` counts the whole table."""


def seal_metadata(seal: datetime | None) -> dict[str, dg.TimestampMetadataValue]:
    """The time (UTC, naive) up to which a table is complete; nothing when there is no such time."""
    if seal is None or seal == ALWAYS:
        return {}
    return {"complete_until": dg.MetadataValue.timestamp(seal.replace(tzinfo=UTC))}


def picture(png: bytes, title: str) -> dg.MarkdownMetadataValue:
    """A PNG inlined in Markdown, so that the UI needs no separate server for it."""
    data = base64.b64encode(png).decode()
    return dg.MetadataValue.md(f"![{escape(title)}](data:image/png;base64,{data})")

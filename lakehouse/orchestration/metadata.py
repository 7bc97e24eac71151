"""Small pieces of metadata that several kinds of assets show."""

import base64
from datetime import UTC, datetime

import dagster as dg

from lakehouse.markdown import escape

ROWS_WRITTEN = "rows_written"
"""Rows that the run wrote, new or in place of others; `dagster/row_count` are all of the table."""


def sealed(seal: datetime | None) -> dict[str, dg.TimestampMetadataValue]:
    """The time (UTC, naive) up to which a table is complete; nothing when it is not known."""
    if seal is None:
        return {}
    return {"complete_until": dg.MetadataValue.timestamp(seal.replace(tzinfo=UTC))}


def picture(png: bytes, title: str) -> dg.MarkdownMetadataValue:
    """A PNG as the UI shows it: inside the text, so that it needs no server of its own."""
    data = base64.b64encode(png).decode()
    return dg.MetadataValue.md(f"![{escape(title)}](data:image/png;base64,{data})")

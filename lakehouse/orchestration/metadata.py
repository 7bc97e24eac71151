"""Metadata entries that several kinds of assets share."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg

from lakehouse.lake import ALWAYS
from lakehouse.markdown import escape

ROW_COUNT = "dagster/row_count"
"""Rows of the whole table."""
ROWS_WRITTEN = "rows_written"
"""Rows that the run wrote, new or replaced."""

ROWS_WAITING = "rows_waiting"
"""Rows that have landed and wait until an input is complete up to their time."""
WHY_NO_ROWS = "why_no_rows"


def no_rows_metadata(reason: str) -> Mapping[str, str]:
    """The sentence about why no rows were written, or why some wait; nothing if there is none."""
    return {WHY_NO_ROWS: reason} if reason else {}


def seal_metadata(seal: datetime | None) -> dict[str, dg.TimestampMetadataValue]:
    """The time (UTC, naive) up to which a table is complete; nothing when there is no such time."""
    if seal is None or seal == ALWAYS:
        return {}
    return {"complete_until": dg.MetadataValue.timestamp(seal.replace(tzinfo=UTC))}


def picture(png: bytes, title: str) -> dg.MarkdownMetadataValue:
    """A PNG inlined in Markdown, so that the UI needs no separate server for it."""
    data = base64.b64encode(png).decode()
    return dg.MetadataValue.md(f"![{escape(title)}](data:image/png;base64,{data})")

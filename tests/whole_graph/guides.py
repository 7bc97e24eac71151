"""The queries in the guides and the README, to test on a lake after its first run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MADE_BY_READER = {
    "blocked_terminals",
    "card_velocity",
    "large_amount_detector",
    "predictions.returns",
}
"""What a reader has made of a guide's YAML by the time of its query."""


def queries() -> list[tuple[str, str]]:
    """File and query of each `lakehouse sql "..."` without placeholders."""
    found = [
        (path.name, query)
        for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
        for query in re.findall(r'lakehouse sql "([^"]+)"', path.read_text())
    ]
    return [(name, query) for name, query in found if not query.endswith("...")]


def ready_queries() -> list[tuple[str, str]]:
    """The queries that need only a first run."""
    return [pair for pair in queries() if not any(name in pair[1] for name in MADE_BY_READER)]

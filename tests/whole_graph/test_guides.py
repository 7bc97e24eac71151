"""Every query that the guides and the README show works right after the first run."""

import re
from pathlib import Path

import pytest

from tests.whole_graph.project import Project

ROOT = Path(__file__).parents[2]
MADE_BY_FOLLOWING = {"blocked_terminals", "card_velocity", "large_amount_detector"}
"""What a reader has made of a guide's YAML by the time of its query."""


def queries() -> list[tuple[str, str]]:
    """File and query of each `lakehouse sql "..."`, but for placeholders."""
    found = [
        (path.name, query)
        for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
        for query in re.findall(r'lakehouse sql "([^"]+)"', path.read_text())
    ]
    return [(name, query) for name, query in found if not query.endswith("...")]


def test_the_guides_have_queries_and_what_they_make_is_known() -> None:
    found = queries()
    assert len(found) >= 7
    assert all(any(name in query for _, query in found) for name in MADE_BY_FOLLOWING)


@pytest.mark.parametrize(
    ("guide", "query"),
    [pair for pair in queries() if not any(name in pair[1] for name in MADE_BY_FOLLOWING)],
)
def test_a_query_of_the_guides_works_after_the_first_run(
    project: Project, guide: str, query: str
) -> None:
    answer = project.command("sql", query)
    assert answer.returncode == 0, f"{guide}: {answer.stderr}"

"""Generated parts of pages: between `<!-- name: ... -->` and `<!-- end -->`."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import mdformat

from tests.docs.commands import command_sections
from tests.docs.expressions import example_names, expression_table
from tests.docs.operations import operation_table
from tests.docs.packages import package_table

STYLE = {"wrap": 120, "compact_tables": True}
"""As `make format` does it."""

ROOT = Path(__file__).parents[2]

PARTS: Mapping[tuple[str, str], Callable[[], str]] = {
    ("docs/architecture.md", "packages"): package_table,
    ("docs/guides/add-a-feature-set.md", "operations"): operation_table,
    ("docs/reference/commands.md", "commands"): command_sections,
    ("docs/reference/expressions.md", "expressions"): expression_table,
    ("docs/reference/expressions.md", "names"): example_names,
}
"""What makes each part, by page and name."""


def generated_pages() -> dict[Path, str]:
    """Each page with generated parts as it should be.

    Raises:
        LookupError: when a page has no place for its part.
    """
    pages: dict[Path, str] = {}
    for (page, name), make in PARTS.items():
        path = ROOT / page
        text = pages.get(path) or path.read_text()
        found = re.search(rf"<!-- {name}: .*? -->\n(.*?)<!-- end -->", text, re.DOTALL)
        if not found:
            raise LookupError(f"{page} has no place for {name}: <!-- {name}: ... --> <!-- end -->")
        page_text = f"{text[: found.start(1)]}{make()}\n{text[found.end(1) :]}"
        pages[path] = mdformat.text(page_text, options=STYLE, extensions={"gfm"})
    return pages

"""Generated parts of pages: between `<!-- name: ... -->` and `<!-- end -->`."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs.packages import package_table

ROOT = Path(__file__).parents[2]

PARTS: Mapping[tuple[str, str], Callable[[], str]] = {
    ("docs/architecture.md", "packages"): package_table,
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
        place = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end -->)", re.DOTALL)
        if not place.search(text):
            raise LookupError(f"{page} has no place for {name}: <!-- {name}: ... --> <!-- end -->")
        pages[path] = place.sub(lambda found: f"{found[1]}{make()}\n{found[2]}", text, count=1)
    return pages

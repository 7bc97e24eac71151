"""The parts of a page, and their HTML: no scripts, no network, reproducible bytes."""

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from lakehouse.evaluation.plots import Picture

Tone = Literal["good", "bad", "unsure", "plain"]

SIGNS: dict[Tone, str] = {"good": "✓", "bad": "✗", "unsure": "?", "plain": ""}
"""The sign of each tone, for readers who cannot see its colour."""


@dataclass(frozen=True)
class Mark:
    """A word in a table that carries a verdict."""

    text: str
    tone: Tone


Cell = str | Mark


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Facts:
    """Names and values; `code` for values to copy, such as hashes."""

    kind: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, str], ...]
    code: bool = False


@dataclass(frozen=True)
class Table:
    """A table; its first `text_columns` columns are text, the others numbers.

    If `folded`, it shows only its caption until the reader opens it.
    """

    kind: ClassVar[str] = "table"
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    text_columns: int = 1
    folded: bool = False


@dataclass(frozen=True)
class Figure:
    """Pictures side by side if there is room."""

    kind: ClassVar[str] = "figure"
    pictures: tuple[Picture, ...]


Block = Text | Facts | Table | Figure


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """The id that links on the page use."""
        return self.title.lower().replace(" ", "-").replace(",", "")


@dataclass(frozen=True)
class Badge:
    """A verdict in the page's header: what was judged, and the result."""

    name: str
    verdict: str
    tone: Tone


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    subtitle: str
    intro: str
    badges: tuple[Badge, ...]
    facts: Facts
    sections: tuple[Section, ...]


def render(page: Page) -> str:
    """The page as HTML. All text is escaped; pictures are inline SVG."""
    html: str = _template().render(page=page, signs=SIGNS)
    return html


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("lakehouse.evaluation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # the only unescaped content: the output of `Picture.svg`, whose texts matplotlib escapes
    environment.filters["svg"] = lambda picture: Markup(picture.svg())
    return environment.get_template("page.html.j2")

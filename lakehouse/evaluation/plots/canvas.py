"""What all pictures share: paper, ink, colours that everybody can tell apart, PNG and SVG.

What is drawn is in the modules beside this one.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

_Arguments = ParamSpec("_Arguments")

INK = "#1f2933"
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
)
"""Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), for all kinds of colour vision."""

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
WIDTH, HEIGHT = 4.8, 3.3

_STYLE: Any = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "legend.fontsize": 8.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.13,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "lakehouse",
}


def styled(draw: Callable[_Arguments, "Picture"]) -> Callable[_Arguments, "Picture"]:
    """`draw` in the pictures' style: matplotlib asks for it at each step, not once.

    The layout is found once and kept: found again, it would move a little each time.
    """

    @wraps(draw)
    def within(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> "Picture":
        import matplotlib

        with matplotlib.rc_context(_STYLE):
            picture = draw(*args, **kwargs)
            picture.figure.get_layout_engine().execute(picture.figure)
            picture.figure.set_layout_engine(None)
            return picture

    return within


@dataclass(frozen=True)
class Picture:
    """A drawn figure and, for those who do not see it, what it shows in a sentence."""

    figure: Any
    alt: str

    def png(self) -> bytes:
        """On white, 110 dots an inch."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()

    def svg(self) -> str:
        """An `<svg>` element to stand inside a page, in the page's own colour of text.

        The same picture gives the same text. Groups lose their ids, which would repeat from
        picture to picture within one page.
        """
        import matplotlib

        buffer = io.StringIO()
        with matplotlib.rc_context(_STYLE):
            self.figure.savefig(
                buffer,
                format="svg",
                dpi=144,
                transparent=True,
                metadata={"Date": None, "Creator": None},
            )
        text = buffer.getvalue()
        text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
        text = re.sub(r'<g id="[^"]*"', "<g", text)
        text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1, flags=re.S)
        text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1, flags=re.S)
        return text.replace(INK, "currentColor")


def canvas(
    x: str, y: str, *, height: float = HEIGHT, columns: int = 1, share_y: bool = False
) -> tuple[Any, Any]:
    """A figure of its own and its axes: no global state, and no display needed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns, sharey=share_y)
    for one in [axes] if columns == 1 else axes:
        one.set(xlabel=x, ylabel=y)
        one.grid(True)
        one.set_axisbelow(True)
    return figure, axes


def bar_height(bars: int, inches: float = 0.2) -> float:
    """Height of a picture of horizontal bars that keep their distance however many they are."""
    return 1.0 + inches * max(bars, 2)

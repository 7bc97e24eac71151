"""What all plots share: size, text colour, a colour-blind-safe palette, PNG and SVG output.

The plots themselves are in the other modules of this package.
"""

import io
import math
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
_EDGE, _LINE, _LETTER, _DIGIT, _TICK = 0.08, 0.18, 0.072, 0.08, 0.1
"""Inches: the margin; a line of text, a letter and a digit at 9 points; a tick."""
_POWER = re.compile(r"\$\\mathdefault\{(?:([^{}]*)\\times)?([^{}]*)\^\{([^{}]*)\}\}\$")
"""How matplotlib writes a power of ten, or a multiple of one."""
_RAISED = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")

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
    "text.parse_math": False,  # names and values may contain dollar signs
    "svg.fonttype": "none",
    "svg.hashsalt": "lakehouse",
}


def styled(draw: Callable[_Arguments, "Picture"]) -> Callable[_Arguments, "Picture"]:
    """`draw` in the plots' style; matplotlib reads its style at every step, not once."""

    @wraps(draw)
    def wrapper(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> "Picture":
        import matplotlib

        with matplotlib.rc_context(_STYLE):
            picture = draw(*args, **kwargs)
            _write_powers(picture.figure)
            _frame(picture.figure)
            return picture

    return wrapper


@dataclass(frozen=True)
class Picture:
    """A drawn figure and a one-sentence text alternative for readers who cannot see it."""

    figure: Any
    alt: str

    def png(self) -> bytes:
        """PNG on white, 110 dots per inch."""
        import matplotlib

        buffer = io.BytesIO()
        with matplotlib.rc_context(_STYLE):
            self.figure.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()

    def svg(self) -> str:
        """An `<svg>` element for embedding in a page, in the page's own text colour.

        The same picture gives the same text. Group ids are removed, because they would repeat
        across the pictures of one page.
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


def open_canvas(
    x: str, y: str, *, height: float = HEIGHT, columns: int = 1, share_y: bool = False
) -> tuple[Any, Any]:
    """A new figure and its axes, without global state or a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns, sharey=share_y)
    for one in [axes] if columns == 1 else axes:
        one.set(xlabel=x, ylabel=y)
        one.grid(True)
        one.set_axisbelow(True)
    return figure, axes


def _write_powers(figure: Any) -> None:
    """Label logarithmic axes in plain text, such as `10⁻³`, because math parsing is off."""
    from matplotlib.ticker import LogFormatterSciNotation

    class Powers(LogFormatterSciNotation):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return _POWER.sub(_plain_power, str(super().__call__(x, pos)))

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                axis.set_major_formatter(Powers())
                axis.set_minor_formatter(Powers(labelOnlyBase=False))


def _plain_power(found: re.Match[str]) -> str:
    times, base, exponent = found.groups()
    return f"{times}×" * bool(times) + base + exponent.translate(_RAISED)


def _frame(figure: Any) -> None:
    """Leave room around the axes for their text, estimated by counting lines and letters.

    Measuring the text, as matplotlib's layout engines do, costs as much as drawing. The axes always
    keep some of the space: longer text is cut.
    """
    first = figure.axes[0]
    heading = max(figure.get_suptitle(), first.get_title(), key=len)
    left = _LINE * bool(first.get_ylabel()) + _room(first.yaxis, upright=False)
    bottom = _LINE * bool(first.get_xlabel()) + _room(first.xaxis, upright=True)
    right = 0.0
    for axes in figure.axes[1:]:
        if axes.yaxis.get_ticks_position() == "right":
            right = _LINE * bool(axes.get_ylabel()) + _room(axes.yaxis, upright=False)
    width, height = figure.get_size_inches()
    figure.subplots_adjust(
        left=min((_EDGE + left) / width, 0.7),
        right=1 - (2 * _EDGE + right) / width,
        bottom=min((_EDGE + bottom) / height, 0.7),
        top=1 - (_EDGE + _LINE * len(heading.splitlines())) / height,
    )


def _room(axis: Any, *, upright: bool) -> float:
    """Inches for the tick labels: their height if `upright`, else their width."""
    ticks = axis.get_majorticklabels()
    lines = [tick.get_text().splitlines() for tick in ticks]
    long = max((_width(line) for text in lines for line in text), default=0.0)
    high = _LINE * max(map(len, lines), default=0)
    if not upright:
        return _TICK + long
    offset = _LINE * bool(axis.get_major_formatter().get_offset())
    rotated = math.sin(math.radians(ticks[0].get_rotation())) if ticks else 0.0
    return _TICK + offset + max(long * rotated, high)


def _width(line: str) -> float:
    digits = sum(letter.isdigit() for letter in line)
    return _DIGIT * digits + _LETTER * (len(line) - digits)


def bar_height(bars: int, inches: float = 0.2) -> float:
    """Height of a plot of horizontal bars whose spacing does not depend on their number."""
    return 1.0 + inches * max(bars, 2)

"""All output of the commands. Data is printed literally: never as markup, never as terminal codes.

The only module that may use rich or click to print (a lint rule enforces it). On a terminal, tables
fold to fit its width; in a pipe or a file nothing is folded or cut.
"""

import itertools
import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import IO, Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

Tone = Literal["good", "bad", "warn", "soft", "new", "strong"]
STYLES: dict[Tone, str] = {
    "good": "green",
    "bad": "red",
    "warn": "yellow",
    "soft": "dim",
    "new": "cyan",
    "strong": "bold",
}
_UNBOUNDED = 2**31
"""The width where the output is not a terminal."""
_INDENT = "    "
_JOINERS = "\u200c\u200d"
"""Invisible, but required by the spelling of some languages and by emoji."""


@dataclass(frozen=True)
class Toned:
    """A text with its meaning, which a terminal shows as a colour."""

    text: str
    tone: Tone


Printable = str | Toned


def visible(text: str) -> str:
    """`text` on one line, with everything that a terminal would execute or hide written as escapes.

    That is ESC and other control characters, line ends, characters that change the writing
    direction, and bytes of a file name that are not valid text.
    """
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def sentences(text: str) -> str:
    """Like `visible`, but keep line ends and indent all lines but the first, so none looks new."""
    return f"\n{_INDENT}".join(visible(line) for line in re.split(r"\r?\n", text.rstrip("\n")))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """The reader closed the pipe, as `| head` does: the command continues without output."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


class Output:
    """A stream to print to: the current standard output, unless another is given."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self._file = file or sys.stdout
        if hasattr(self._file, "reconfigure"):  # unsupported characters must not end the command
            self._file.reconfigure(errors="backslashreplace")
        self.is_terminal = self._file.isatty()
        self._console = _Console(
            file=self._file,
            width=None if self.is_terminal else _UNBOUNDED,
            markup=False,
            highlight=False,
            emoji=False,
        )

    def print_line(self, *parts: Printable) -> None:
        """Print `parts` in sequence as a sentence; without any, an empty line."""
        line = Text()
        for part in parts:
            line.append(_sentences(part), style=_style(part))
        self._console.print(line, soft_wrap=True)

    def lines(self, text: str) -> None:
        """Print the lines of a text as they are, each `visible`."""
        for line in text.splitlines():
            self._console.print(Text(visible(line)), soft_wrap=True)

    def table(
        self,
        head: Sequence[str],
        rows: Iterable[Sequence[Printable]],
        *,
        right: Collection[int] = (),
        title: str = "",
        show_head: bool = True,
    ) -> None:
        """Print a table; the columns in `right`, by number from 0, are right-aligned."""
        if title:
            self.print_line(Toned(visible(title), "strong"))
        table = Table(box=None, header_style="bold", show_header=show_head)
        for number, name in enumerate(head):
            table.add_column(
                Text(visible(name)),
                justify="right" if number in right else "left",
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(Text(visible(_text(cell)), style=_style(cell)) for cell in row))
        self._console.print(table)

    def json(self, value: Any) -> None:
        """Print `value` as indented JSON; times as ISO texts."""
        self._file.write(json.dumps(value, indent=2, default=_plain) + "\n")

    def csv(self, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print CSV: unchanged to a pipe or a file, `visible` on a terminal."""
        import csv

        writer = csv.writer(self._file)
        whole: Iterable[Sequence[Any]] = itertools.chain([head], rows)
        if self.is_terminal:
            whole = (
                [value if value is None else visible(str(value)) for value in r] for r in whole
            )
        writer.writerows(whole)

    def spinner(self, text: str) -> AbstractContextManager[Any]:
        """Show on a terminal that an operation takes time."""
        return self._console.status(Text(visible(text)))

    @contextmanager
    def progress(self, days: int, title: str) -> Iterator[Callable[[], None]]:
        """A bar that advances by a day with each call."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        shown = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        with Progress(
            *shown, TextColumn("days"), TimeElapsedColumn(), console=self._console
        ) as bar:
            task = bar.add_task(visible(title), total=days)
            yield lambda: bar.advance(task)


def print_line(*parts: Printable) -> None:
    """Print a sentence to standard output."""
    Output().print_line(*parts)


def warn(text: str) -> None:
    """Print a problem to standard error, and continue."""
    Output(sys.stderr).print_line(Toned(text, "warn"))


def fail(text: str) -> None:
    """Print an error to standard error."""
    Output(sys.stderr).print_line(Toned(f"error: {text}", "bad"))


def _sentences(part: Printable) -> str:
    """Like `sentences`, but keep blanks at either end, as more parts may follow."""
    text = _text(part)
    core = text.strip(" ")
    before, _, after = text.partition(core) if core else (text, "", "")
    return f"{before}{sentences(core)}{after}"


def _text(part: Printable) -> str:
    return part.text if isinstance(part, Toned) else part


def _style(part: Printable) -> str:
    return STYLES[part.tone] if isinstance(part, Toned) else ""


def _shown(letter: str) -> str:
    harmless = letter.isprintable() or unicodedata.category(letter) == "Zs" or letter in _JOINERS
    return letter if harmless else letter.encode("unicode_escape", "backslashreplace").decode()


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)

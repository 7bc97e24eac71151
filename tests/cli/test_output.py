"""The output is literal: no markup, no terminal codes, nothing cut for a pipe."""

import io
import json
import os
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.cli.output import Output, Toned, sentences, visible

HOSTILE = "[/x][red]a[/red][link=http://e]:smile:\x1b[2J\x1b]0;t\x07\x9b1m\u202e\r\u2028\udce9"
SEEN = "[/x][red]a[/red][link=http://e]:smile:\\x1b[2J\\x1b]0;t\\x07\\x9b1m\\u202e\\r\\u2028\\udce9"


class Terminal(io.StringIO):
    """A screen of 40 columns, as in `COLUMNS`."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def plain(text: str) -> str:
    """Without the colours that we chose ourselves."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@given(st.text(st.characters()))
def test_no_text_contains_terminal_codes(text: str) -> None:
    assert all(
        letter.isprintable() or letter in "\u200c\u200d"
        for letter in visible(text)
        if letter.isascii()
    )
    assert not re.search(
        r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", visible(text)
    )
    visible(text).encode()
    for line in sentences(text).split("\n")[1:]:
        assert line.startswith("    ")


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_is_not_changed(text: str) -> None:
    assert visible(text) == text
    assert visible("👩\u200d👩\u200d👧 नमस्\u200dते") == "👩\u200d👩\u200d👧 नमस्\u200dते"


def test_sentences_and_tables_escape_hostile_texts() -> None:
    file = io.StringIO()
    output = Output(file)
    output.print_line(Toned(HOSTILE, "bad"), " ", HOSTILE)
    output.table((HOSTILE,), [(HOSTILE,), (Toned(HOSTILE, "warn"),)], title=HOSTILE)
    assert [line.strip() for line in file.getvalue().splitlines()] == [
        f"{SEEN} {SEEN}",
        *[SEEN] * 4,
    ]


def test_a_row_in_a_pipe_is_one_complete_line() -> None:
    file = io.StringIO()
    long = "word " * 3_000 + "x" * 200_000
    Output(file).table(("a", "b"), [(long, "1"), ("two\nlines", "2")], right=(1,))
    Output(file).print_line(long)
    _, first, second, line = file.getvalue().splitlines()
    assert first.split() == [*long.split(), "1"]
    assert "two\\nlines" in second
    assert line == long


def test_a_terminal_folds_wide_values_and_loses_nothing(terminal: Terminal) -> None:
    value = "0123456789" * 20
    Output(terminal).table(("a", "[b]"), [(value, HOSTILE)])
    lines = plain(terminal.getvalue()).splitlines()
    assert max(map(len, lines)) <= 40
    assert sum(line.count("5") for line in lines) == 20
    assert "…" not in "".join(lines)
    assert re.sub(r"\s", "", "".join(line[21:] for line in lines[1:])) in SEEN


def test_csv_is_exact_for_a_file_and_visible_on_a_terminal(terminal: Terminal) -> None:
    file = io.StringIO(newline="")
    Output(file).csv(("a", "b"), [("\x1b[2J\n", None), ("x,y", 1)])
    assert file.getvalue() == 'a,b\r\n"\x1b[2J\n",\r\n"x,y",1\r\n'
    Output(terminal).csv(("a", "b"), [("\x1b[2J\n", None), ("x,y", 1)])
    assert terminal.getvalue().split() == ["a,b", "\\x1b[2J\\n,", '"x,y",1']


def test_json_is_ascii_and_reads_back() -> None:
    file = io.StringIO()
    Output(file).json({"a": HOSTILE})
    assert file.getvalue().isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", file.getvalue())
    assert json.loads(file.getvalue()) == {"a": HOSTILE}


def test_a_character_that_the_encoding_lacks_is_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    Output().print_line("Zoë")
    stream.flush()
    assert stream.buffer.getvalue() == b"Zo\\xeb\n"  # type: ignore[attr-defined]


def test_a_command_continues_after_the_reader_closed_the_pipe() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", buffering=1) as pipe:
        output = Output(pipe)
        for _ in range(3):
            output.print_line("done")
            output.table(("a",), [("b",)])

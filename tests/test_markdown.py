"""Data in Markdown stays data; a third-party Markdown parser verifies it."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lakehouse.markdown import escape, table

REFERENCE_PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
texts = st.text(st.one_of(st.sampled_from("\\`*_{}[]()<>#+-.!|~&:;@$ \n\tab1é"), st.characters()))


@given(texts)
@example("[x](javascript:alert(1))")
@example("![x](http://evil/x.png)")
@example("<img src=x onerror=alert(1)>")
@example("<script>alert(1)</script>")
@example("a | b |\n|---|")
@example("&lt;b&gt; **b** _i_ ~~s~~ `c`")
@example("<http://evil>")
@example("ends with \\")
def test_escaped_text_renders_as_itself(text: str) -> None:
    (inline,) = REFERENCE_PARSER.parseInline(f"x{escape(text)}x")
    assert {child.type for child in inline.children or []} <= {"text", "text_special"}
    read = "".join(child.content for child in inline.children or [])
    seen = "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in text)
    assert read.split() == f"x{seen}x".split()


@given(st.lists(st.lists(texts, min_size=2, max_size=2), max_size=4))
def test_a_table_renders_the_given_cells(rows: list[list[str]]) -> None:
    tokens = REFERENCE_PARSER.parse(table(("first", "second"), rows))
    assert tokens[0].type == "table_open"
    assert sum(token.type == "td_open" for token in tokens) == 2 * len(rows)


@pytest.mark.parametrize("link", ["http://evil", "www.evil.com", "me@evil.com", "mailto:me@x"])
def test_text_that_looks_like_a_link_is_not_rendered_as_one(link: str) -> None:
    assert "\\" in escape(link)

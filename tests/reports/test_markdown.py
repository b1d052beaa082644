"""Markdown: whatever a text holds is shown as text."""

import re
from html import unescape

import pytest
from markdown_it import MarkdownIt

from seq2seq.reports.markdown import (
    build_code_block,
    build_code_span,
    build_markdown_table,
    escape_markdown,
    shorten,
    show_on_one_line,
)


def render(markdown: str) -> str:
    """HTML, as a page would show it, by a parser of the same standard as the hub's."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)


def read_back(markdown: str) -> str:
    """What a reader sees: the tags of the page taken out."""
    return unescape(re.sub(r"<[^>]+>", "", render(markdown))).strip()


@pytest.mark.parametrize(
    "text",
    [
        "a | b", "`code` and ``more``", "<b>bold</b> <script>x</script>", "*a* **b** _c_ __d__ ~~e~~", "[a](b) ![c](d)",
        "# no heading", "&amp; &lt;", "back\\slash \\* \\", "$x^2$", "snake_case_name", "<!-- no comment -->", "a_ _b_",
    ],
)  # fmt: skip
def test_escaped_text_is_shown_as_it_is(text):
    assert read_back(f"- source: {escape_markdown(text)}") == f"source: {text}"


def test_escaped_text_ends_no_cell_of_a_table():
    assert render(build_markdown_table(["x"], [[escape_markdown("a | b")]])).count("<td") == 1


def test_line_ends_are_shown_and_the_text_stays_on_one_line():
    assert escape_markdown("a\nb\r\nc\u2028d\te") == "a ⏎ b ⏎ c ⏎ d e"


def test_characters_that_are_not_seen_are_replaced():
    assert escape_markdown("a\x00b\x1b[31m\u202ec") == "a\ufffdb\ufffd\\[31m\ufffdc"


def test_text_on_one_line_has_no_markup_escaped():
    assert show_on_one_line("a|b\n\x1b[31mc") == "a|b ⏎ \ufffd[31mc"


def test_underscores_within_a_word_need_no_escape():
    assert escape_markdown("exact_match _a_") == "exact_match \\_a\\_"


def test_long_text_is_shortened_with_a_mark():
    assert shorten("word " * 300, 10) == "word word … (1,490 more characters)"
    assert shorten("0123456789", 10) == "0123456789"


def test_fence_is_longer_than_any_in_the_code():
    assert build_code_block("a\n````\nb") == "`````\na\n````\nb\n`````"
    assert build_code_block("x: 1", "yaml") == "```yaml\nx: 1\n```"


def test_code_span_holds_backticks():
    assert build_code_span("plain") == "`plain`"
    assert read_back(build_code_span("a `b` c")) == "a `b` c"


def test_table_aligns_figures_right():
    assert build_markdown_table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"

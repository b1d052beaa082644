"""Pieces of Markdown that hold any text: tables, code, escaped lines. Strings only."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

# An underscore within a word is no markup.
SPECIAL = re.compile(r"([\\`*{}\[\]<>#|~&$!]|(?<![^\W_])_|_(?![^\W_]))")
LINE_ENDS = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
UNSHOWN = "\ufffd"
# Marks that turn the rest of a line round, as of a text from right to left.
TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], UNSHOWN)


def escape_markdown(text: str) -> str:
    """A text on one line, as it would be read: no character is markup, line ends are shown as ⏎.

    "a|b" -> "a\\|b"
    """
    return SPECIAL.sub(r"\\\1", show_on_one_line(text))


def show_on_one_line(text: str) -> str:
    """A text as it may be printed: line ends are shown as ⏎, and no character steers a terminal or turns the line."""
    line = LINE_ENDS.sub(" ⏎ ", text)
    line = line.replace("\t", " ").translate(TURNING)
    shown = []
    for character in line:
        # What is left of Unicode's control characters, the escape of terminals among them.
        is_control = unicodedata.category(character) == "Cc"
        shown.append(UNSHOWN if is_control else character)
    return "".join(shown)


def shorten(text: str, limit: int) -> str:
    """The first characters of a text, with a mark of how many are left out."""
    if len(text) <= limit:
        return text
    beginning = text[:limit].rstrip()
    return f"{beginning} … ({len(text) - limit:,} more characters)"


def build_code_block(code: str, language: str = "") -> str:
    """A fenced block, its fence longer than any in the code."""
    longest = _find_longest_fence(code)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def build_code_span(code: str) -> str:
    """Code within a line of text; not for tables, whose cells a bar in it would end."""
    longest = _find_longest_fence(code)
    fence = "`" * (longest + 1)
    # A tick of the code must not touch those of the fence; Markdown takes one space off again.
    space = " " if longest else ""
    line = LINE_ENDS.sub(" ", code)
    return f"{fence}{space}{line}{space}{fence}"


def _find_longest_fence(code: str) -> int:
    fences = re.findall(r"`+", code)
    return max(map(len, fences), default=0)


def build_markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures; the cells are Markdown."""
    # A colon on the right sets a column to the right.
    rule = ["---"] + ["---:"] * (len(header) - 1)
    lines = []
    for cells in (header, rule, *rows):
        joined = " | ".join(cells)
        lines.append(f"| {joined} |")
    return "\n".join(lines)


def build_list(items: Iterable[str]) -> str:
    """A list of lines, which are Markdown."""
    return "\n".join(f"- {item}" for item in items)


def build_page(title: str, sections: Mapping[str, Iterable[str]]) -> str:
    """A page of paragraphs under their headings; sections without any are left out, the heading '' has none."""
    parts = [title]
    for heading, paragraphs in sections.items():
        filled = [paragraph for paragraph in paragraphs if paragraph]
        if filled and heading:
            parts.append(f"## {heading}")
        parts += filled
    return "\n\n".join(parts) + "\n"

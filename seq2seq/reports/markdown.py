"""Pieces of Markdown that hold any text: tables, code, escaped lines. Strings only."""

import re
import unicodedata
from collections.abc import Sequence

# An underscore within a word is no markup.
SPECIAL = re.compile(r"([\\`*{}\[\]<>#|~&$!]|(?<![^\W_])_|_(?![^\W_]))")
LINE_ENDS = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
TURNING = dict.fromkeys(
    [*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"
)  # they turn the rest of a line round


def escape_markdown(text: str) -> str:
    """A text on one line, as it would be read: no character is markup, line ends are shown as ⏎.

    "a|b" -> "a\\|b"
    """
    return SPECIAL.sub(r"\\\1", show_on_one_line(text))


def show_on_one_line(text: str) -> str:
    """A text as it may be printed: line ends are shown as ⏎, and no character steers a terminal or turns the line."""
    shown = LINE_ENDS.sub(" ⏎ ", text).replace("\t", " ").translate(TURNING)
    return "".join("\ufffd" if unicodedata.category(character) == "Cc" else character for character in shown)


def shorten(text: str, limit: int) -> str:
    """The first characters of a text, with a mark of how many are left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit].rstrip()} … ({len(text) - limit:,} more characters)"


def build_code_block(code: str, language: str = "") -> str:
    """A fenced block, its fence longer than any in the code."""
    longest = max(map(len, re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def build_code_span(code: str) -> str:
    """Code within a line of text; not for tables, whose cells a bar in it would end."""
    longest = max(map(len, re.findall(r"`+", code)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{LINE_ENDS.sub(' ', code)}{space}{fence}"


def build_markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures; the cells are Markdown."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

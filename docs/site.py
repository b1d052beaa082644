"""A hook of mkdocs: links from a page to files outside docs/, which the site has not, become their text."""

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")


def on_page_markdown(markdown: str, **context: Any) -> str:
    return OUTSIDE.sub(r"\1", markdown)

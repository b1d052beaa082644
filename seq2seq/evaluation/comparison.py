"""What of a text counts when two texts are compared: case and spacing, declared once, applied to both sides."""

import re

from .options import EvaluationOptions

WORD_OR_MARK = re.compile(r"\w+|[^\w\s]")


def normalize_text(text: str, options: EvaluationOptions) -> str:
    """The text as it is compared.

    Example: "It's  here." with lower and separate_punctuation -> "it ' s here ."
    """
    if options.case == "lower":
        text = text.lower()
    if options.spacing == "collapse":
        return " ".join(text.split())
    if options.spacing == "separate_punctuation":
        return " ".join(WORD_OR_MARK.findall(text))
    return text

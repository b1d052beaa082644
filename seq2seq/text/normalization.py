"""Text normalization as a declared list of steps: the same for training, generation and scoring.

A recipe names steps twice: under `data.normalization` (what the model reads and writes) and under
`evaluation.normalization` (what counts when two texts are compared). Knows nothing of files or tokens.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import AfterValidator

from ..base.options import Strings
from .detokenization import detokenize

# What combines with the letter before it, such as a decomposed accent or a vowel of Hindi: not of Python's \w.
# Those beyond U+FFFF belong to scripts of the past, and would make the pattern eight times as slow.
COMBINING = "".join(filter(lambda character: unicodedata.category(character)[0] == "M", map(chr, range(0x10000))))
WORD = rf"\w+(?:[{COMBINING}]\w*)*"
WORD_OR_MARK = re.compile(rf"{WORD}|[^\w\s][{COMBINING}]*")
SENTENCE_SEPARATOR = "<::::>"  # between the sentences of WikiSplit's files
_SINGLE_QUOTE = re.compile("['‘’‚‛`´′]")
_DOUBLE_QUOTE = re.compile(f"[“”„‟«»″]|{_SINGLE_QUOTE.pattern}{{2}}")


def collapse_spaces(text: str) -> str:
    """Runs of white space become one space, those at the ends go. 'a \\n b ' -> 'a b'"""
    return " ".join(text.split())


def straighten_quotes(text: str) -> str:
    """Typographic and doubled quotation marks become " and '. “It’s” -> "It's"; `` it '' -> " it " """
    return _SINGLE_QUOTE.sub("'", _DOUBLE_QUOTE.sub('"', text))


def separate_punctuation(text: str) -> str:
    """A space around every mark, so that spacing no longer tells texts apart. "It's here." -> "It ' s here ." """
    return " ".join(WORD_OR_MARK.findall(text))


def join_sentences(text: str) -> str:
    """WikiSplit's separator becomes a space. 'One . <::::> Two .' -> 'One . Two .'"""
    return collapse_spaces(text.replace(SENTENCE_SEPARATOR, " ")) if SENTENCE_SEPARATOR in text else text


def compose_characters(text: str) -> str:
    """Unicode's composed form (NFC): a letter with its accent is one character."""
    return unicodedata.normalize("NFC", text)


STEPS: dict[str, Callable[[str], str]] = {
    "lowercase": str.lower,
    "collapse_spaces": collapse_spaces,
    "straight_quotes": straighten_quotes,
    "separate_punctuation": separate_punctuation,
    "join_sentences": join_sentences,
    "nfc": compose_characters,
    "detokenize": detokenize,
}


def _check_steps(steps: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [step for step in steps if step not in STEPS]
    if unknown:
        raise ValueError(f"unknown step {', '.join(map(repr, unknown))}; expected some of {', '.join(STEPS)}")
    if len(set(steps)) < len(steps):
        raise ValueError(f"a step is named twice in {list(steps)}")
    return steps


Normalization = Annotated[Strings, AfterValidator(_check_steps)]


def normalize_text(text: str, steps: Sequence[str]) -> str:
    """The text after all steps, in their order."""
    for step in steps:
        text = STEPS[step](text)
    return text

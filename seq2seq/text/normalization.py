"""Text normalization as a declared list of normalizers: the same for training, generation and scoring.

A recipe names normalizers twice: under `data.normalization` (what the model reads and writes) and under
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
COMBINING = "".join(letter for letter in map(chr, range(0x10000)) if unicodedata.category(letter)[0] == "M")
WORD = rf"\w+(?:[{COMBINING}]\w*)*"
WORD_OR_MARK = re.compile(rf"{WORD}|[^\w\s][{COMBINING}]*")
SENTENCE_SEPARATOR = "<::::>"  # between the sentences of WikiSplit's files
REPLACEMENT = "\ufffd"  # Unicode's own for what is no text
SURROGATE = re.compile("[\ud800-\udfff]")  # half of a pair: JSON and Python can write it, no encoding can hold it
_SINGLE_QUOTE = re.compile("['‘’‚‛`´′]")
_DOUBLE_QUOTE = re.compile(f"[“”„‟«»″]|{_SINGLE_QUOTE.pattern}{{2}}")


def replace_surrogates(text: str) -> str:
    """'a\\ud800' -> 'a\\ufffd'"""
    return SURROGATE.sub(REPLACEMENT, text)


def collapse_spaces(text: str) -> str:
    """Runs of white space become one space, those at the ends go. 'a \\n b ' -> 'a b'"""
    return " ".join(text.split())


def straighten_quotes(text: str) -> str:
    """Typographic and doubled quotation marks become " and '. “It’s” -> "It's"; `` it '' -> " it " """
    # Double ones first: two single marks together are one of them.
    text = _DOUBLE_QUOTE.sub('"', text)
    return _SINGLE_QUOTE.sub("'", text)


def separate_punctuation(text: str) -> str:
    """A space around every mark, so that spacing no longer tells texts apart. "It's here." -> "It ' s here ." """
    return " ".join(WORD_OR_MARK.findall(text))


def join_sentences(text: str) -> str:
    """WikiSplit's separator becomes a space. 'One . <::::> Two .' -> 'One . Two .'"""
    if SENTENCE_SEPARATOR not in text:
        return text
    return collapse_spaces(text.replace(SENTENCE_SEPARATOR, " "))


def compose_characters(text: str) -> str:
    """Unicode's composed form (NFC): a letter with its accent is one character."""
    return unicodedata.normalize("NFC", text)


NORMALIZERS: dict[str, Callable[[str], str]] = {
    "lowercase": str.lower,
    "collapse_spaces": collapse_spaces,
    "straight_quotes": straighten_quotes,
    "separate_punctuation": separate_punctuation,
    "join_sentences": join_sentences,
    "nfc": compose_characters,
    "detokenize": detokenize,
}


def _validate(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [repr(name) for name in names if name not in NORMALIZERS]
    if unknown:
        raise ValueError(f"unknown normalizer {', '.join(unknown)}; expected some of {', '.join(NORMALIZERS)}")
    if len(set(names)) < len(names):
        raise ValueError(f"a normalizer is named twice in {list(names)}")
    return names


Normalization = Annotated[Strings, AfterValidator(_validate)]


def normalize_text(text: str, normalizers: Sequence[str]) -> str:
    """The text after all of the named normalizers, in their order."""
    for name in normalizers:
        text = NORMALIZERS[name](text)
    return text

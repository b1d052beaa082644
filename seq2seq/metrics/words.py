"""Words, n-grams and sentences of a text, as the metrics and baselines that are our own count them.

No tokenizer's tokens.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from ..text.normalization import COMBINING, WORD
from ..text.scripts import build_unspaced_class

Ngram = str | tuple[str, ...]
_WORD = re.compile(rf"{WORD}(?:['’]{WORD})*")
_COMBINING = re.compile(f"[{COMBINING}]")
_UNSPACED_LETTER = re.compile(f"{build_unspaced_class()}[{COMBINING}]*")
_JOINERS = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")  # soft hyphens, zero-width joiners and spaces
_SENTENCE_END = re.compile(r"\n|(?<=[.!?])\s+")
_SCRIPT_SENTENCE_END = re.compile(r"\n|(?<=[.!?])\s+|(?<=[。｡！？।॥۔؟።])(?![。｡！？।॥۔؟።])\s*")


def list_words(text: str) -> list[str]:
    """Runs of letters and digits, lower-cased, with accents and apostrophes inside. "It's 3.5." -> it's 3 5"""
    return _WORD.findall(text.lower())


def list_ngrams(words: Sequence[str], order: int) -> Iterable[Ngram]:
    """All runs of `order` words, from left to right; those of one word are the words."""
    if order == 1:
        return words
    # They end together with the one that begins last.
    shifted = [words[start:] for start in range(order)]
    return zip(*shifted, strict=False)


def is_of_letters(word: str) -> bool:
    """Whether a word is made of letters and what combines with them alone."""
    return word.isalpha() or _COMBINING.sub("", word).isalpha()


def split_sentences(text: str) -> list[str]:
    """Sentences end at line breaks, and at . ! ? followed by white space. 'A b. C?\\nD' -> 'A b.', 'C?', 'D'

    Simple on purpose, so that anybody can repeat it in any language: 'Dr. No' is two sentences.
    """
    parts = [part.strip() for part in _SENTENCE_END.split(text)]
    return [part for part in parts if part]


def list_script_words(text: str) -> list[str]:
    """The words of a text in any script: `list_words`, and each letter of a script that puts no spaces between words.

    Letters are composed, and what joins them unseen is left out. "GPT是模型" -> gpt 是 模 型, "กำ" -> ก ำ
    """
    composed = _JOINERS.sub("", unicodedata.normalize("NFC", text))
    straight = composed.replace("’", "'")
    return list_words(_UNSPACED_LETTER.sub(r" \g<0> ", straight))


def split_script_sentences(text: str) -> list[str]:
    """As `split_sentences`, in any script: those of 。 and its like need no space behind. '一。二' -> '一。', '二'"""
    parts = [part.strip() for part in _SCRIPT_SENTENCE_END.split(text)]
    return [part for part in parts if part]

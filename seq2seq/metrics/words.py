"""Words, n-grams and sentences of a text, as the metrics and baselines that are our own count them.

No tokenizer's tokens.
"""

import re
from collections.abc import Iterable, Sequence

from ..text.normalization import COMBINING, WORD

Ngram = str | tuple[str, ...]
_WORD = re.compile(rf"{WORD}(?:['’]{WORD})*")
_COMBINING = re.compile(f"[{COMBINING}]")
_SENTENCE_END = re.compile(r"\n|(?<=[.!?])\s+")


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

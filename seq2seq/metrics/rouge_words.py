"""ROUGE of the words of any script: rouge1_words and its kin, where rouge_score knows a-z and 0-9 alone.

They count as rouge1 and its kin do (rouge.py); what a word is, and its stem, is all that differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from .rouge import TEXTS_KEPT, Rouge, RougeLsum, Words
from .stemming import find_stemmed_language, load_stemmer
from .words import list_script_words, split_script_sentences

if TYPE_CHECKING:
    from .options import EvaluationOptions

SUFFIX = "_words"  # behind the name of the metric of rouge_score


class _OfWords(Rouge):
    """What makes one of rouge.py's metrics one of the words of any script."""

    sentence_ends = "a full stop, question or exclamation mark of any script"
    language: str | None = None  # as the options have it
    stemmed: str | None = None  # the language whose rules make stems

    def adapt(self, references: Sequence[Sequence[str]], options: EvaluationOptions) -> Self:
        """The one that stems by the rules of the options' language, if there are any."""
        adapted = copy(self)
        adapted.language = options.language
        adapted.stemmed = find_stemmed_language(options.language)
        return adapted

    def list_words(self, text: str) -> Words:
        return _list_stems(text, self.stemmed)

    def split_sentences(self, text: str) -> list[str]:
        return split_script_sentences(text)

    def format_counted(self) -> str:
        stems = f"Snowball's stems of {self.stemmed}"
        if self.stemmed is None:
            stems = "no stems" if self.language is None else f"no stems, for Snowball has none of {self.language}"
        return f"F1 of the words of any script, letters where no spaces part words, {stems}"


class _RougeWords(_OfWords):
    """The family's member of n-grams, or of the longest common subsequence of whole texts."""


class _RougeLsumWords(_OfWords, RougeLsum):
    """The family's member that goes sentence by sentence."""


@lru_cache(TEXTS_KEPT)
def _list_stems(text: str, language: str | None) -> Words:
    words = list_script_words(text)
    if language is None:
        return tuple(words)
    return tuple(map(load_stemmer(language), words))


ROUGE_WORDS = (
    _RougeWords(f"rouge1{SUFFIX}", 1),
    _RougeWords(f"rouge2{SUFFIX}", 2),
    _RougeWords(f"rougeL{SUFFIX}", None),
    _RougeLsumWords(f"rougeLsum{SUFFIX}"),
)

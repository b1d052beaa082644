"""What anybody can write without a model: the source's first sentences, or its first words."""

from collections.abc import Iterable

from .words import split_sentences


def take_lead(source: str, sentences: int) -> str:
    """The first sentences of a text (`words.split_sentences`), a space between. ('A b. C d. E', 2) -> 'A b. C d.'"""
    return " ".join(split_sentences(source)[:sentences])


def take_first_words(source: str, words: int) -> str:
    """The first words of a text, split at white space. ('a b, c d', 3) -> 'a b, c'"""
    return " ".join(source.split()[:words])


def measure_mean_words(texts: Iterable[str]) -> int:
    """The mean number of words of some texts, to the nearest whole, at least 1; words as in `take_first_words`."""
    counts = [len(text.split()) for text in texts]
    mean = sum(counts) / len(counts)
    return max(round(mean), 1)


def name_lead(sentences: int) -> str:
    """The row of this baseline in tables."""
    if sentences == 1:
        return "first sentence of the source"
    return f"first {sentences} sentences of the source"


def name_first_words(words: int) -> str:
    """The row of this baseline in tables."""
    if words == 1:
        return "first word of the source"
    return f"first {words} words of the source"

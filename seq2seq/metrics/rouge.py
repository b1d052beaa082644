"""ROUGE-1, -2, -L and -Lsum (Lin 2004), equal to rouge_score: F1 with stemming, best reference, mean over the texts.

Words are rouge_score's own; counting is ours, because its table of common subsequences fills texts x words x words
cells. Ours holds a row of the table in one integer, a bit a word (Hyyro 2004: bit-parallel longest common
subsequence), and follows the same way through the table where that way decides the score (Lsum).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache

from .f1 import compute_f1
from .metric import MeanMetric
from .words import list_ngrams, split_sentences

Words = tuple[str, ...]
STEMS_KEPT = 200_000  # of different words; Porter's stemmer takes most of the time otherwise
TEXTS_KEPT = 50_000  # the metrics of this family read the same texts one after the other


class Rouge(MeanMetric):
    """One of the family; `order` is that of n-grams, None for the longest common subsequence of the whole texts."""

    sentence_ends = ". ! ?"  # in signatures

    def __init__(self, name: str, order: int | None) -> None:
        self.name = name
        self.order = order

    def list_words(self, text: str) -> Words:
        """What is counted of a text."""
        return list_stems(text)

    def split_sentences(self, text: str) -> list[str]:
        """The sentences of a text of one line."""
        return split_sentences(text)

    def format_counted(self) -> str:
        """What is counted, for signatures."""
        return "rouge_score, F1, Porter stemmer"

    def compute_shares(
        self,
        sources: Sequence[str],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> Iterable[float]:
        for prediction, allowed in zip(predictions, references, strict=True):
            yield max(self.compute_f1(reference, prediction) for reference in allowed)

    def compute_f1(self, reference: str, prediction: str) -> float:
        wanted = self.list_words(reference)
        written = self.list_words(prediction)
        if self.order is None:
            length = measure_common_subsequence(wanted, written)
            return _score_overlap(length, len(wanted), len(written))
        wanted_ngrams = Counter(list_ngrams(wanted, self.order))
        written_ngrams = Counter(list_ngrams(written, self.order))
        common = sum(min(count, written_ngrams.get(ngram, 0)) for ngram, count in wanted_ngrams.items())
        return _score_overlap(common, wanted_ngrams.total(), written_ngrams.total())

    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        return f"{self.format_counted()}, best of the references"


class RougeLsum(Rouge):
    """ROUGE-L sentence by sentence: a reference's sentence is covered by what all of the prediction's have of it.

    Sentences are the text's lines. rouge_score takes a text without a line break for one sentence, which makes Lsum
    the same as L for models that cannot write line breaks; here such a text is split behind . ! ? and white space.
    """

    by_lines = True

    def __init__(self, name: str = "rougeLsum") -> None:
        super().__init__(name, None)

    def compute_f1(self, reference: str, prediction: str) -> float:
        wanted = [self.list_words(sentence) for sentence in list_sentences(reference, self.split_sentences)]
        written = [self.list_words(sentence) for sentence in list_sentences(prediction, self.split_sentences)]
        covered = _count_covered_words(wanted, written)
        words_wanted = sum(map(len, wanted))
        words_written = sum(map(len, written))
        return _score_overlap(covered, words_wanted, words_written)

    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        sentences = f"sentences are lines, or end at {self.sentence_ends} where a text has one line"
        return f"{super().format_signature(references)}, {sentences}"


def list_sentences(text: str, split: Callable[[str], list[str]] = split_sentences) -> list[str]:
    """The lines of a text; of a text of one line, its sentences."""
    lines = [line for line in text.split("\n") if line]
    return lines if len(lines) > 1 else split(text)


@cache
def _load_stemmer() -> "_CachedStemmer":
    return _CachedStemmer()


class _CachedStemmer:
    """nltk's Porter stemmer, which rouge_score uses, asked once for each word."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        self.stem = lru_cache(STEMS_KEPT)(PorterStemmer().stem)


@lru_cache(TEXTS_KEPT)
def list_stems(text: str) -> Words:
    """A text's words as rouge_score makes them: lower-cased runs of a-z and 0-9, stemmed where longer than three."""
    from rouge_score.tokenize import tokenize

    return tuple(tokenize(text, _load_stemmer()))


def _score_overlap(common: int, wanted: int, written: int) -> float:
    """F1 of what the prediction has of the reference's words or n-grams, and the reference of the prediction's."""
    precision = common / max(written, 1)
    recall = common / max(wanted, 1)
    return compute_f1(precision, recall)


def measure_common_subsequence(first: Words, second: Words) -> int:
    """Length of the longest common subsequence of two lists of words."""
    # Before the first word nothing is in common: ones everywhere.
    row = (1 << len(second)) - 1
    for row in _list_rows(first, second):  # noqa: B007 the last one counts
        pass
    return len(second) - row.bit_count()


def _list_rows(first: Words, second: Words) -> Iterable[int]:
    """The rows of the table of common subsequences behind each word of `first`, a bit a word of `second`.

    With t[i][j] the length for i words of `first` and j of `second`, bit j - 1 of row i is 0 where t[i][j] is
    t[i][j-1] + 1, and 1 where they are equal.
    """
    positions: dict[str, int] = {}
    for position, word in enumerate(second):
        positions[word] = positions.get(word, 0) | 1 << position
    everything = (1 << len(second)) - 1
    row = everything
    for word in first:
        common = row & positions.get(word, 0)
        if common:
            # The sum carries from the lowest position of the word in a run of ones to the zero behind it: both change.
            row = (row + common | row - common) & everything
        yield row


def find_common_subsequence(first: Words, second: Words) -> list[int]:
    """Positions in `first` of one longest common subsequence: of several, the one that rouge_score finds.

    From the table's end backwards: equal words are taken; else a word of `second` goes where only that keeps the
    length, and a word of `first` where both do.
    """
    rows = [(1 << len(second)) - 1, *_list_rows(first, second)]
    common = []
    i = len(first)
    j = len(second)
    while i and j:
        # t[i][j] is the number of zeros among the first j bits of row i.
        length = j - (rows[i] & (1 << j) - 1).bit_count()
        length_above = j - (rows[i - 1] & (1 << j) - 1).bit_count()
        if first[i - 1] == second[j - 1]:
            i -= 1
            j -= 1
            common.append(i)
        elif rows[i] >> (j - 1) & 1 and length_above < length:
            j -= 1
        else:
            i -= 1
    return common


def _count_covered_words(wanted: Sequence[Words], written: Sequence[Words]) -> int:
    """Words of the reference's sentences that lie on a common subsequence with any sentence of the prediction.

    No word counts more often than each side has it, as in ROUGE-1.5.5.
    """
    left_wanted = Counter(word for sentence in wanted for word in sentence)
    left_written = Counter(word for sentence in written for word in sentence)
    covered = 0
    for sentence in wanted:
        positions: set[int] = set()
        for other in written:
            positions.update(find_common_subsequence(sentence, other))
        for position in sorted(positions):
            word = sentence[position]
            if left_wanted[word] > 0 and left_written[word] > 0:
                covered += 1
                left_wanted[word] -= 1
                left_written[word] -= 1
    return covered


ROUGE = (Rouge("rouge1", 1), Rouge("rouge2", 2), Rouge("rougeL", None), RougeLsum())

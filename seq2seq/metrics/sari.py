"""SARI (Xu et al. 2016): how well words are kept, added and deleted, against source and references.

Words are split at white space, n-grams have 1 to 4 of them. Precision and recall of keeping, adding and deleting become
F1 for each order; SARI is the mean of the three over the four orders, the corpus value the mean over the texts. What is
called SARI differs from paper to paper, by several points. Here are two, each equal to a published implementation:

`sari`, with which LaserTagger (Malmi et al. 2019) measured WikiSplit and DiscoFuse: tensor2tensor's with F1 for
  deletion. Rothe et al. 2020 do not name their code; they call SARI the average F1 of added, kept and deleted n-grams,
  which is this one. Each n-gram counts once, as the paper's binary indicator says, and in several references by the
  share that has it; what was rightly done is summed over the n-grams and divided by the sum of what was done, or was to
  be done. Where nothing was to be done and nothing was (0/0), it is 1: a prediction that equals its only reference
  has 100.
`sari_xu`, the script of Xu et al., for the literature on simplification: n-grams count as often as they occur;
  precision and recall are means over the n-grams of each one's part rightly done; deletion counts by its precision
  alone; 0/0 is 0, so that texts with nothing to add or to delete lose that third. Its corpus value too is the mean
  over the texts (EASSE sums over the corpus first; `evaluate` tokenizes and lower-cases, and divides by other sums).

Both differ from the paper as printed in one more point: it takes F1 of precision and recall averaged over the orders,
both implementations average the orders' F1.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from .f1 import compute_f1
from .metric import MeanMetric
from .words import Ngram, list_ngrams

MAX_ORDER = 4


class _NgramSari(MeanMetric):
    """What both have in common: a text's value is the mean of three scores over the orders."""

    needs_sources = True

    def compute_shares(
        self,
        sources: Sequence[str],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> Iterable[float]:
        for source, prediction, allowed in zip(
            sources,
            predictions,
            references,
            strict=True,
        ):
            read = source.split()
            written = prediction.split()
            wanted = [text.split() for text in allowed]
            total = 0.0
            for order in range(1, MAX_ORDER + 1):
                total += self.score_words(read, written, wanted, order)
            yield total / (3 * MAX_ORDER)

    @abstractmethod
    def score_words(
        self,
        source: Sequence[str],
        prediction: Sequence[str],
        references: Sequence[Sequence[str]],
        order: int,
    ) -> float:
        """The scores of keeping, adding and deleting n-grams of one order, summed."""


class Sari(_NgramSari):
    """tensor2tensor's SARI with F1 for deletion."""

    name = "sari"

    def score_words(
        self,
        source: Sequence[str],
        prediction: Sequence[str],
        references: Sequence[Sequence[str]],
        order: int,
    ) -> float:
        # A reference shorter than the order has no say in it.
        long_enough = [words for words in references if len(words) >= order]
        return self.score_order(
            source=set(list_ngrams(source, order)),
            prediction=set(list_ngrams(prediction, order)),
            references=[set(list_ngrams(words, order)) for words in long_enough],
        )

    @staticmethod
    def score_order(
        source: set[Ngram],
        prediction: set[Ngram],
        references: Sequence[set[Ngram]],
    ) -> float:
        """F1 of keeping, adding and deleting, summed, from the different n-grams of one order."""
        votes = Counter(chain.from_iterable(references))
        voters = max(len(references), 1)
        kept = source & prediction
        deleted = source - prediction
        # An n-gram was rightly kept by the share of references that have it, and rightly deleted by that of the others.
        kept_votes = sum(votes[ngram] for ngram in kept)
        deleted_votes = sum(votes[ngram] for ngram in deleted)
        wanted_votes = kept_votes + deleted_votes
        rightly_deleted = len(deleted) - deleted_votes / voters
        deletable = len(source) - wanted_votes / voters
        added = prediction - source
        addable = votes.keys() - source
        rightly_added = len(added & addable)
        keep = compute_f1(
            precision=_divide(kept_votes / voters, len(kept), 1),
            recall=_divide(kept_votes, wanted_votes, 1),
        )
        add = compute_f1(
            precision=_divide(rightly_added, len(added), 1),
            recall=_divide(rightly_added, len(addable), 1),
        )
        delete = compute_f1(
            precision=_divide(rightly_deleted, len(deleted), 1),
            recall=_divide(rightly_deleted, deletable, 1),
        )
        return keep + add + delete

    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        return "tensor2tensor's: F1 of keep, add and delete, each n-gram once, n 1-4, 0/0 is 1, mean over texts"


class SariXu(_NgramSari):
    """SARI as the script of Xu et al. computes it."""

    name = "sari_xu"

    def score_words(
        self,
        source: Sequence[str],
        prediction: Sequence[str],
        references: Sequence[Sequence[str]],
        order: int,
    ) -> float:
        in_references = (list_ngrams(words, order) for words in references)
        return self.score_order(
            had=Counter(list_ngrams(source, order)),
            wrote=Counter(list_ngrams(prediction, order)),
            wanted=Counter(chain.from_iterable(in_references)),
            references=len(references),
        )

    @staticmethod
    def score_order(
        had: Counter[Ngram],
        wrote: Counter[Ngram],
        wanted: Counter[Ngram],
        references: int,
    ) -> float:
        """Keep F1, add F1 and delete precision, summed; `wanted` counts all references together."""
        kept = keepable = deleted = 0
        kept_share = keepable_share = deleted_share = 0.0
        for ngram, count in had.items():
            # All counts times the number of references, so that they are whole.
            count_had = count * references
            count_wrote = wrote[ngram] * references
            count_wanted = wanted[ngram]
            if count_wrote:
                both = min(count_had, count_wrote)
                kept += 1
                kept_share += min(both, count_wanted) / both
            if count_wanted:
                both = min(count_had, count_wanted)
                keepable += 1
                keepable_share += min(both, count_wrote) / both
            if count_had > count_wrote:
                gone = count_had - count_wrote
                excess = max(count_had - count_wanted, 0)
                deleted += 1
                deleted_share += min(gone, excess) / gone
        added = wrote.keys() - had.keys()
        addable = wanted.keys() - had.keys()
        rightly_added = len(added & addable)
        keep = compute_f1(
            precision=_divide(kept_share, kept, 0),
            recall=_divide(keepable_share, keepable, 0),
        )
        add = compute_f1(
            precision=_divide(rightly_added, len(added), 0),
            recall=_divide(rightly_added, len(addable), 0),
        )
        delete = _divide(deleted_share, deleted, 0)
        return keep + add + delete

    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        return "Xu et al.'s script: keep F1, add F1, delete precision, n 1-4, 0/0 is 0, mean over texts"


def _divide(part: float, whole: float, of_nothing: float) -> float:
    return part / whole if whole else of_nothing

"""SARI (Xu et al. 2016): how well words are kept, added and deleted, against source and references.

The variant: words are split at white space; n-grams of 1 to 4 words; keep and add are F1, delete is precision; each is
the mean over the four orders, and SARI is the mean of the three. Precision and recall are means over the n-grams of
rightly done over done, or over to be done. An n-gram counts in the references by its mean count there; a deletion is
right as far as the references lack the n-gram, min(I - O, I - R) in the paper's letters. Where nothing was to be done
and nothing was done (0/0), precision and recall are 1, as in tensor2tensor's version; the authors' script has 0 there.
The corpus value is the mean over sentences.
"""

from collections import Counter
from collections.abc import Sequence

MAX_ORDER = 4


def compute_sari(sources: Sequence[str], predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Percent, 0 to 100, mean over the sentences."""
    rows = zip(sources, predictions, references, strict=True)
    return sum(compute_sentence_sari(*row) for row in rows) / len(predictions)


def compute_sentence_sari(source: str, prediction: str, references: Sequence[str]) -> float:
    """SARI of one sentence, 0 to 100."""
    source_words, predicted_words = source.split(), prediction.split()
    reference_words = [reference.split() for reference in references]
    total = 0.0
    for order in range(1, MAX_ORDER + 1):
        total += sum(
            _score_operations(
                _count_ngrams(source_words, order),
                _count_ngrams(predicted_words, order),
                [_count_ngrams(words, order) for words in reference_words],
            )
        )
    return 100 * total / (3 * MAX_ORDER)


def _count_ngrams(words: Sequence[str], order: int) -> Counter:
    return Counter(tuple(words[start : start + order]) for start in range(len(words) - order + 1))


def _score_operations(
    source: Counter, prediction: Counter, references: Sequence[Counter]
) -> tuple[float, float, float]:
    """Keep F1, add F1 and delete precision of one order. Counts are scaled by the number of references."""
    count = len(references)
    wanted: Counter = sum(references, Counter())
    had = Counter({ngram: number * count for ngram, number in source.items()})
    wrote = Counter({ngram: number * count for ngram, number in prediction.items()})

    kept, keepable = had & wrote, had & wanted
    rightly_kept = kept & wanted
    keep = _f1(_mean_ratio(rightly_kept, kept), _mean_ratio(rightly_kept, keepable))

    deleted, deletable = had - wrote, had - wanted
    delete = _mean_ratio(deleted & deletable, deleted)

    added, addable = set(prediction) - set(source), set(wanted) - set(source)
    rightly_added = len(added & addable)
    add = _f1(
        rightly_added / len(added) if added else 1.0,
        rightly_added / len(addable) if addable else 1.0,
    )
    return keep, add, delete


def _mean_ratio(part: Counter, whole: Counter) -> float:
    """Mean over the n-grams of `whole` of part / whole; 1 where there are none."""
    return sum(part[ngram] / number for ngram, number in whole.items()) / len(whole) if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

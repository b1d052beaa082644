"""BLEU and chrF by sacrebleu (Post 2018): its statistics for each text, its formula, its signatures.

sacrebleu is not asked for whole corpora but for the two stages that its own corpus_score and significance tests are
made of; `tests/metrics/test_sacrebleu_metrics.py` holds both equal to the last digit.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cache
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import numpy

from .bleu_tokenizers import DEFAULT_TOKENIZER, BleuTokenizer, check_bleu_tokenizer, choose_bleu_tokenizer
from .metric import Metric

if TYPE_CHECKING:
    from .options import EvaluationOptions


class _SacrebleuMetric(Metric):
    """One of sacrebleu's metrics, on texts with one or several references, not everywhere the same number."""

    @abstractmethod
    def build_scorer(self, *, of_texts: bool = False) -> Any:
        """sacrebleu's metric; `of_texts` for values of single texts."""

    def compute_statistics(
        self,
        sources: Sequence[str],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> numpy.ndarray:
        scorer = self.build_scorer()
        columns = transpose_references(references)
        rows = scorer._extract_corpus_statistics(list(predictions), columns)
        return numpy.array(rows, dtype=numpy.float64)

    def aggregate(self, sums: numpy.ndarray) -> numpy.ndarray:
        return _compute_values(self.build_scorer(), sums)

    def compute_text_values(self, statistics: numpy.ndarray) -> numpy.ndarray:
        return _compute_values(self.build_scorer(of_texts=True), statistics)

    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        scorer = self.build_scorer()
        counts = {len(row) for row in references}
        scorer.num_refs = counts.pop() if len(counts) == 1 else -1  # -1 shows as nrefs:var
        return str(scorer.get_signature())


class Bleu(_SacrebleuMetric):
    """Corpus BLEU with sacrebleu's defaults: case kept, exponential smoothing; and its tokenizer for the references.

    That is 13a where their script parts words by spaces, which is every tokenizer's default in sacrebleu. A text alone
    is scored with effective order, as sacrebleu advises: orders longer than the text are left out.
    """

    name = "bleu"

    def __init__(self, tokenizer: BleuTokenizer = DEFAULT_TOKENIZER) -> None:
        self.tokenizer = tokenizer

    def adapt(self, references: Sequence[Sequence[str]], options: EvaluationOptions) -> Bleu:
        """The one with the tokenizer that the options name or, where they name none, that of the references' script.

        Raises:
            ScoringError: it cannot be had here.
        """
        chosen = options.bleu_tokenizer
        tokenizer = chosen or choose_bleu_tokenizer(chain.from_iterable(references))
        check_bleu_tokenizer(tokenizer, is_chosen=chosen is not None)
        return Bleu(tokenizer)

    def build_scorer(self, *, of_texts: bool = False) -> Any:
        return _build_bleu(self.tokenizer, of_texts)


@cache
def _build_bleu(tokenizer: BleuTokenizer, of_texts: bool) -> Any:
    """sacrebleu's BLEU; some tokenizers read files of megabytes."""
    from sacrebleu.metrics import BLEU

    # force: tokenized data is no mistake here, so no warning
    return BLEU(force=True, effective_order=of_texts, tokenize=tokenizer)


class Chrf(_SacrebleuMetric):
    """chrF2 with sacrebleu's defaults: n-grams of 1 to 6 characters without white space, case kept."""

    name = "chrf"

    def build_scorer(self, *, of_texts: bool = False) -> Any:
        from sacrebleu.metrics import CHRF

        return CHRF()


def transpose_references(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """References by number, as sacrebleu takes them; None where a row has fewer.

    [["a", "b"], ["c"]] -> [["a", "c"], ["b", None]]
    """
    return [list(column) for column in zip_longest(*references)]


def _compute_values(scorer: Any, sums: numpy.ndarray) -> numpy.ndarray:
    rows = sums.reshape(-1, sums.shape[-1]).astype(numpy.int64).tolist()  # counts: exact in float64 up to 2^53
    values = [scorer._compute_score_from_stats(row).score for row in rows]
    return numpy.array(values, dtype=numpy.float64).reshape(sums.shape[:-1])

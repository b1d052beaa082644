"""Corpus BLEU by sacrebleu (Post 2018), with its signature."""

from collections.abc import Sequence


def compute_bleu(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, str]:
    """Corpus BLEU, 0 to 100, with sacrebleu's defaults (13a tokens, case kept), and the signature to quote.

    Sentences may have different numbers of references.
    """
    from sacrebleu.metrics import BLEU

    width = max(map(len, references))
    columns = [[row[index] if index < len(row) else None for row in references] for index in range(width)]
    metric = BLEU(force=True)  # tokenized data is no mistake here, so no warning about it
    score = metric.corpus_score(list(predictions), columns).score
    return score, str(metric.get_signature())

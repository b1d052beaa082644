"""Log-probabilities of given targets.

Shapes: B pairs, S source and T target positions, N real labels, V vocabulary.
"""

from collections.abc import Iterator, Sequence

import torch

from ..data.collation import pad_rows, pad_sources
from ..modeling.token_loss import IGNORED_LABEL, TokenLossModel, evaluating
from .batching import Advance, Batch, Ids, Spread, compute_here, compute_side_by_side, map_by_length

BATCH_TOKENS = 2048  # padded positions of a batch: the logits of its real labels are held at once


def score_ids(
    model: TokenLossModel,
    sources: Sequence[Ids],
    labels: Sequence[Ids],
    advance: Advance = lambda pairs: None,
    spread: Spread = compute_here,
) -> list[list[float]]:
    """The log-probability of each label of each target given its source and the labels before it, natural logarithm.

    Args:
        sources: token ids with their marks, none of them empty.
        labels: ids of the targets, with the end mark where it counts.
        advance: told after every batch how many pairs it finished.
        spread: as in `map_by_length`.
    """

    def score(batch: Batch) -> list[list[float]]:
        of_batch = [sources[index] for index in batch]
        labels_of_batch = [labels[index] for index in batch]
        return _score_batch(model, of_batch, labels_of_batch)

    def compute(batches: Sequence[Batch]) -> Iterator[Sequence[list[float]]]:
        if not model.thread_safe:
            return map(score, batches)
        return compute_side_by_side(batches, score, model.device)

    def fits(width: int, pairs: int) -> bool:
        return pairs * width <= BATCH_TOKENS

    lengths = [len(source) + len(target) for source, target in zip(sources, labels, strict=True)]
    with evaluating(model):
        return map_by_length(lengths, fits, compute, advance, spread)


@torch.inference_mode()
def _score_batch(
    model: TokenLossModel,
    sources: Sequence[Ids],
    labels: Sequence[Ids],
) -> list[list[float]]:
    input_ids, attention_mask = pad_sources(sources, model.source_pad_id)
    targets = pad_rows(labels, IGNORED_LABEL).to(model.device)
    real = targets.ne(IGNORED_LABEL)
    logits = model.compute_logits(  # (N, V)
        input_ids.to(model.device),
        attention_mask.to(model.device),
        model.shift_right(targets),
        real,
    )
    log_probabilities = torch.log_softmax(logits.float(), dim=-1)
    of_labels = log_probabilities.gather(1, targets[real][:, None])[:, 0]
    label_counts = real.sum(dim=1).tolist()
    return [part.tolist() for part in of_labels.split(label_counts)]

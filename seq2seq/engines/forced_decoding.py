"""Log-probabilities of given targets.

Shapes: B pairs, S source and T target positions, N real labels, V vocabulary.
"""

from collections.abc import Callable, Iterator, Sequence

import torch

from ..data.collation import pad_rows, pad_sources
from ..modeling.token_loss import IGNORED_LABEL, TokenLossModel, evaluating
from .batching import Batch, Spread, compute_here, compute_side_by_side, map_by_length

BATCH_TOKENS = 2048  # padded positions of a batch: the logits of its real labels are held at once


def score_ids(
    model: TokenLossModel,
    sources: Sequence[Sequence[int]],
    labels: Sequence[Sequence[int]],
    advance: Callable[[int], None] = lambda pairs: None,
    spread: Spread = compute_here,
) -> list[list[float]]:
    """The log-probability of each label of each target given its source and the labels before it, natural logarithm.

    Args:
        sources: token ids with their marks, none of them empty.
        labels: ids of the targets, with the end mark where it counts.
        advance: told after every batch how many pairs it finished.
        spread: as in `map_by_length`.
    """

    def score(indices: Batch) -> list[list[float]]:
        return _score_batch(model, [sources[index] for index in indices], [labels[index] for index in indices])

    def compute(batches: Sequence[Batch]) -> Iterator[Sequence[list[float]]]:
        return compute_side_by_side(batches, score, model.device) if model.thread_safe else map(score, batches)

    lengths = [len(source) + len(target) for source, target in zip(sources, labels, strict=True)]
    with evaluating(model):
        return map_by_length(lengths, lambda width, rows: rows * width <= BATCH_TOKENS, compute, advance, spread)


@torch.inference_mode()
def _score_batch(
    model: TokenLossModel,
    sources: Sequence[Sequence[int]],
    labels: Sequence[Sequence[int]],
) -> list[list[float]]:
    input_ids, attention_mask = pad_sources(sources, model.source_pad_id)
    targets = pad_rows(labels, IGNORED_LABEL)
    input_ids, attention_mask, targets = (part.to(model.device) for part in (input_ids, attention_mask, targets))
    real = targets.ne(IGNORED_LABEL)
    logits = model.compute_logits(input_ids, attention_mask, model.shift_right(targets), real)  # (N, V)
    found = torch.log_softmax(logits.float(), dim=-1).gather(1, targets[real][:, None])[:, 0]
    return [part.tolist() for part in found.split(real.sum(dim=1).tolist())]

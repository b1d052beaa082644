"""Log-probabilities of given targets.

Shapes: B pairs, S source and T target positions, N real labels, V vocabulary.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy
import torch

from ..base.errors import GenerationError
from ..base.memory import explain_memory
from ..data.collation import drop_full_mask, move_batch
from ..modeling.token_loss import IGNORED_LABEL, TokenLossModel, evaluating, find_real, select_real
from ..sources.padding import collate_ids, pad_rows
from ..sources.source import Source, Stored
from .batching import ALONE, Advance, Batch, Ids, Share, compute_side_by_side, map_by_length
from .engine import explain_scored_batch

BATCH_TOKENS = 2048  # padded positions of a batch: the logits of its real labels are held at once


def score_ids(
    model: TokenLossModel,
    sources: Sequence[Stored],
    labels: Sequence[Ids],
    advance: Advance = lambda pairs: None,
    share: Share = ALONE,
    source: Source | None = None,
) -> list[list[float]]:
    """The log-probability of each label of each target given its source and the labels before it, natural logarithm.

    Args:
        sources: as they are stored, with their marks, none of them empty.
        labels: ids of the targets, with the end mark where it counts.
        advance: told after every batch how many pairs it finished.
        share: as in `map_by_length`.
        source: the kind of the sources; left out: token ids, filled up with the model's pad.

    Raises:
        GenerationError: memory ran out.
    """

    def score(batch: Batch) -> list[list[float]]:
        of_batch = [sources[index] for index in batch]
        labels_of_batch = [labels[index] for index in batch]
        with explain_memory(GenerationError(explain_scored_batch(len(batch)))), torch.inference_mode():
            return _score_batch(model, collate_for(model, of_batch, source), labels_of_batch)

    def compute(batches: Sequence[Batch]) -> Iterator[Sequence[list[float]]]:
        if not model.thread_safe:
            return map(score, batches)
        return compute_side_by_side(batches, score, model.device)

    def fits(width: int, pairs: int) -> bool:
        return pairs * width <= BATCH_TOKENS

    lengths = []
    for positions, target in zip(measure_sources(sources, source), labels, strict=True):
        lengths.append(positions + len(target))
    with evaluating(model):
        return map_by_length(lengths, fits, compute, advance, share)


def collate_for(
    model: TokenLossModel,
    rows: Sequence[Stored],
    source: Source | None,
) -> dict[str, torch.Tensor]:
    """Sources as the named inputs of a model, on its device and in its precision; without a mask if nothing is padded.

    `source` as in `score_ids`.
    """
    inputs = collate_ids(rows, model.source_pad_id) if source is None else source.collate(rows)
    named = {}
    for name, tensor in move_batch(drop_full_mask(inputs), model.device).items():
        named[name] = tensor.to(model.dtype) if tensor.is_floating_point() else tensor
    return named


def measure_sources(rows: Sequence[Stored], source: Source | None) -> list[int]:
    """The length of each source in positions that the decoder attends to; `source` as in `score_ids`."""
    lengths = [len(row) for row in rows]
    if source is None:
        return lengths
    return source.count_positions(numpy.array(lengths, dtype=numpy.int64)).tolist()


def _score_batch(
    model: TokenLossModel,
    inputs: Mapping[str, torch.Tensor],
    labels: Sequence[Ids],
) -> list[list[float]]:
    padded = pad_rows(labels, IGNORED_LABEL)
    moved = move_batch({"targets": padded, "real": find_real(padded)}, model.device)
    targets = moved["targets"]
    real = moved["real"]
    logits = model.compute_logits(decoder_input_ids=model.shift_right(targets), real=real, **inputs)  # (N, V)
    log_probabilities = torch.log_softmax(logits.float(), dim=-1)
    of_labels = log_probabilities.gather(1, select_real(targets, real)[:, None])[:, 0]
    # The N real labels stand row after row, so that their numbers part them again.
    label_counts = list(map(len, labels))
    return [part.tolist() for part in of_labels.split(label_counts)]

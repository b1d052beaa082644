"""Ids in, ids out with transformers' `generate`: sorted by length, batched by tokens, order kept. Knows no text."""

from collections.abc import Callable, Sequence

import numpy
import torch

from ..data.collation import pad_sources
from ..errors import GenerationError
from ..modeling.generation_config import translate_options
from ..modeling.token_loss import TokenLossModel
from .options import GenerationOptions


def generate_ids(
    model: TokenLossModel,
    sources: Sequence[Sequence[int]],
    options: GenerationOptions,
    advance: Callable[[int], None] = lambda sources: None,
) -> list[list[int]]:
    """The best output of each source, in their order, without begin and end mark.

    Args:
        sources: token ids, none of them empty.
        advance: told after every batch how many sources it finished.

    Raises:
        GenerationError: an output or a source could be longer than the model's position table.
    """
    check_lengths(model, max(map(len, sources), default=0), options.max_target_tokens)
    outputs: list[list[int]] = [[] for _ in sources]
    was_training = model.training
    model.eval()
    try:
        for indices in _batch_by_tokens([len(source) for source in sources], options):
            for index, ids in zip(indices, _generate_batch(model, [sources[i] for i in indices], options), strict=True):
                outputs[index] = ids
            advance(len(indices))
    finally:
        model.train(was_training)
    return outputs


def check_lengths(model: TokenLossModel, source_tokens: int, target_tokens: int) -> None:
    """Refuses lengths that the position tables do not reach.

    Raises:
        GenerationError: naming the limit.
    """
    for side, wanted, limit in (
        ("source", source_tokens, model.max_source_positions),
        ("target", target_tokens, model.max_target_positions),
    ):
        if limit is not None and wanted > limit:
            raise GenerationError(
                f"A {side} of {wanted} tokens was asked for, but the model has {limit} positions. "
                f"Set max_{side}_tokens to at most {limit}, or train a model with model.max_positions={wanted}."
            )


def _batch_by_tokens(lengths: Sequence[int], options: GenerationOptions) -> list[list[int]]:
    """Indices in batches, longest first, so that memory runs out at once or never."""
    order = numpy.argsort(-numpy.asarray(lengths, dtype=numpy.int64), kind="stable").tolist()
    batches: list[list[int]] = []
    for index in order:
        width = lengths[batches[-1][0]] + options.max_target_tokens if batches else 0
        if not batches or (len(batches[-1]) + 1) * width * options.num_beams > options.batch_tokens:
            batches.append([])
        batches[-1].append(index)
    return batches


@torch.inference_mode()
def _generate_batch(
    model: TokenLossModel, sources: Sequence[Sequence[int]], options: GenerationOptions
) -> list[list[int]]:
    marks = model.generation_config
    input_ids, attention_mask = pad_sources(sources, model.source_pad_id)
    sequences = model.generate(
        input_ids=input_ids.to(model.device),
        attention_mask=attention_mask.to(model.device),
        do_sample=False,
        **translate_options(options.model_dump()),
    )
    return [_strip_marks(row, marks.eos_token_id, marks.pad_token_id) for row in sequences[:, 1:].tolist()]


def _strip_marks(ids: list[int], end_id: int, pad_id: int) -> list[int]:
    """What stands before the end mark. [7, 8, 102, 0, 0] -> [7, 8]"""
    if end_id in ids:
        ids = ids[: ids.index(end_id)]
    return [i for i in ids if i != pad_id]

"""Ids in, ids out with transformers' `generate`: sorted by length, batched by tokens, order kept. Knows no text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from ..data.collation import pad_sources
from ..errors import GenerationError
from ..modeling.generation_config import translate_options
from ..modeling.token_loss import TokenLossModel
from .batching import cut_by_length, evaluating
from .forced_decoding import score_ids
from .options import GenerationOptions
from .sampling import Draws


@dataclass(frozen=True)
class Hypothesis:
    """An output as target ids without begin and end mark; what was forced is part of it.

    is_ended: whether the end mark followed. score: its log-probability under the model, where it was asked for.
    """

    ids: list[int]
    is_ended: bool
    score: float | None = None


def generate_ids(
    model: TokenLossModel,
    sources: Sequence[Sequence[int]],
    options: GenerationOptions,
    advance: Callable[[int], None] = lambda sources: None,
    *,
    prefix: Sequence[int] = (),
    places: Sequence[int] | None = None,
) -> list[list[Hypothesis]]:
    """The best outputs of each source, in their order, the best first; draws stand in the order they were drawn in.

    Args:
        sources: token ids, none of them empty.
        advance: told after every batch how many sources it finished.
        prefix: ids that every output begins with.
        places: number of each source in the whole input, by which it is drawn; left out: 0, 1, 2 ...

    Raises:
        GenerationError: an output or a source could be longer than the model's position table, or the prefix is as
            long as an output may be.
    """
    check_lengths(model, max(map(len, sources), default=0), options.max_target_tokens)
    check_prefix(prefix, options)
    places = range(len(sources)) if places is None else places
    outputs: list[list[Hypothesis]] = [[] for _ in sources]
    with evaluating(model):
        for indices in _batch_by_tokens([len(source) for source in sources], options):
            batch, at = [sources[index] for index in indices], [places[index] for index in indices]
            for index, hypotheses in zip(indices, _generate_batch(model, batch, options, prefix, at), strict=True):
                outputs[index] = hypotheses
            advance(len(indices))
    return _add_scores(model, sources, outputs) if options.scores else outputs


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


def check_prefix(prefix: Sequence[int], options: GenerationOptions) -> None:
    """Refuses a prefix that leaves no room for an end mark behind it.

    Raises:
        GenerationError: naming both lengths.
    """
    if prefix and len(prefix) >= options.max_target_tokens:
        raise GenerationError(
            f"target_prefix has {len(prefix)} tokens, and an output may have {options.max_target_tokens} with its end "
            "mark. Set a shorter prefix or more max_target_tokens."
        )


def _batch_by_tokens(lengths: Sequence[int], options: GenerationOptions) -> list[list[int]]:
    rows = options.num_outputs if options.sampling else options.num_beams
    longest = options.max_target_tokens
    return cut_by_length(lengths, lambda width, examples: examples * (width + longest) * rows <= options.batch_tokens)


@torch.inference_mode()
def _generate_batch(
    model: TokenLossModel,
    sources: Sequence[Sequence[int]],
    options: GenerationOptions,
    prefix: Sequence[int],
    places: Sequence[int],
) -> list[list[Hypothesis]]:
    marks, outputs = model.generation_config, options.num_outputs
    arguments = translate_options(options.model_dump())
    if options.sampling:  # a search for the likeliest token, in which noise decides
        arguments |= {"do_sample": False, "temperature": None, "top_k": None, "top_p": None}
        arguments["logits_processor"] = [Draws(options, places)]
        sources = [source for source in sources for _ in range(outputs)]
    else:
        arguments["num_return_sequences"] = outputs
    prompt = [marks.decoder_start_token_id, *prefix]
    if prefix:
        arguments["decoder_input_ids"] = torch.tensor([prompt] * len(sources), device=model.device)
        arguments["max_new_tokens"] -= len(prefix)
        arguments["min_new_tokens"] = max(options.min_target_tokens - len(prefix), 0) or None
    input_ids, attention_mask = pad_sources(sources, model.source_pad_id)
    sequences = model.generate(
        input_ids=input_ids.to(model.device), attention_mask=attention_mask.to(model.device), **arguments
    )
    rows = sequences[:, len(prompt) :].tolist()
    hypotheses = [_strip_marks(row, prefix, marks.eos_token_id, marks.pad_token_id) for row in rows]
    return [hypotheses[start : start + outputs] for start in range(0, len(hypotheses), outputs)]


def _strip_marks(ids: list[int], prefix: Sequence[int], end_id: int, pad_id: int) -> Hypothesis:
    """What stands before the end mark, behind the prefix. [7, 8, 102, 0, 0] -> [7, 8]"""
    is_ended = end_id in ids
    if is_ended:
        ids = ids[: ids.index(end_id)]
    return Hypothesis([*prefix, *(i for i in ids if i != pad_id)], is_ended)


def _add_scores(
    model: TokenLossModel, sources: Sequence[Sequence[int]], outputs: Sequence[Sequence[Hypothesis]]
) -> list[list[Hypothesis]]:
    end = model.generation_config.eos_token_id
    flat = [(source, output) for source, hypotheses in zip(sources, outputs, strict=True) for output in hypotheses]
    labels = [[*output.ids, end] if output.is_ended else output.ids for _, output in flat]
    scores = iter(score_ids(model, [source for source, _ in flat], labels))
    return [[replace(output, score=next(scores)) for output in hypotheses] for hypotheses in outputs]

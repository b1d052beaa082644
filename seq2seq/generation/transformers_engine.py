"""Ids in, ids out with transformers' `generate`: sorted by length, batched by tokens, order kept. Knows no text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..data.collation import pad_sources
from ..modeling.generation_config import translate_options
from ..modeling.token_loss import TokenLossModel
from .batching import cut_by_length, evaluating
from .engine import Hypothesis, add_scores, check_positions, check_prefix
from .forced_decoding import score_ids
from .options import GenerationOptions
from .sampling import Draws


@dataclass(frozen=True)
class TransformersEngine:
    """The model in transformers; an `Engine` for every encoder-decoder."""

    model: TokenLossModel

    def check(self, options: GenerationOptions, max_source_tokens: int) -> None:
        check_lengths(self.model, max_source_tokens, options.max_target_tokens)

    def generate(
        self,
        sources: Sequence[Sequence[int]],
        options: GenerationOptions,
        advance: Callable[[int], None] = lambda sources: None,
        *,
        prefix: Sequence[int] = (),
        places: Sequence[int] | None = None,
    ) -> list[list[Hypothesis]]:
        """As `Engine.generate`; `advance` is told after every batch."""
        self.check(options, max(map(len, sources), default=0))
        check_prefix(prefix, options)
        places = range(len(sources)) if places is None else places
        outputs: list[list[Hypothesis]] = [[] for _ in sources]
        with evaluating(self.model):
            for indices in _batch_by_tokens([len(source) for source in sources], options):
                batch, at = [sources[index] for index in indices], [places[index] for index in indices]
                written = _generate_batch(self.model, batch, options, prefix, at)
                for index, hypotheses in zip(indices, written, strict=True):
                    outputs[index] = hypotheses
                advance(len(indices))
        if options.scores:
            return add_scores(self.score, sources, outputs, self.model.generation_config.eos_token_id)
        return outputs

    def score(
        self,
        sources: Sequence[Sequence[int]],
        labels: Sequence[Sequence[int]],
        advance: Callable[[int], None] = lambda pairs: None,
    ) -> list[list[float]]:
        return score_ids(self.model, sources, labels, advance)


def check_lengths(model: TokenLossModel, source_tokens: int, target_tokens: int) -> None:
    """Refuses lengths that the position tables do not reach.

    Raises:
        GenerationError: naming the limit.
    """
    limits = {"source": model.max_source_positions, "target": model.max_target_positions}
    check_positions(limits, {"source": source_tokens, "target": target_tokens})


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

"""Stored sources in, ids out with transformers' `generate`: sorted by length, batched by tokens, order kept.

Knows no text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch

from ..base.errors import GenerationError
from ..base.memory import explain_memory
from ..checkpoints.folder import read_checkpoint
from ..modeling.generation_config import list_ends, translate_options
from ..modeling.token_loss import TokenLossModel, evaluating
from ..sources.source import Source, Stored
from .batching import ALONE, Advance, Batch, Ids, Share, compute_side_by_side, map_by_length
from .beam_cache import BeamCache
from .casting import CastCopies
from .engine import EXPORT_FILE, Engine, Hypothesis, check_positions, explain_batch
from .forced_decoding import collate_for, measure_sources, score_ids
from .memory import choose_batch_tokens
from .options import GenerationOptions
from .sampling import Draws

# What the engine itself needs, whatever a model's generation config says: a cache of its own, plain ids in return, and
# no draws but its own. Sampling too is a search for the likeliest token, in which noise decides.
OWN_SETTINGS = {
    "use_cache": True,
    "cache_implementation": None,
    "return_dict_in_generate": False,
    "output_attentions": False,
    "output_hidden_states": False,
    "do_sample": False,
    "num_return_sequences": 1,
}


@dataclass(frozen=True)
class TransformersEngine(Engine):
    """The model in transformers, for every encoder-decoder.

    source: the kind of the sources; None: token ids, filled up with the model's pad.
    copies: the model in lower precision, where texts are written so.
    """

    model: TokenLossModel
    share: Share = ALONE
    source: Source | None = None
    copies: CastCopies = field(default_factory=CastCopies, compare=False)

    def __repr__(self) -> str:
        return f"{type(self.model).__name__} in transformers on {self.model.device}"

    @classmethod
    def can(cls, folder: Path) -> bool:
        return not (folder / EXPORT_FILE).exists()

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(read_checkpoint(folder).model)

    def with_source(self, source: Source) -> Self:
        return replace(self, source=source)

    def check(self, options: GenerationOptions, max_source_tokens: int) -> None:
        check_lengths(self.model, max_source_tokens, options.max_target_tokens)
        reads_text = self.source is None or self.source.is_text
        of_sources = options.encoder_no_repeat_ngram_size or options.encoder_repetition_penalty != 1
        if of_sources and not reads_text:
            raise GenerationError(
                "encoder_no_repeat_ngram_size and encoder_repetition_penalty compare outputs with the tokens of their "
                "sources, and these sources are no texts. Leave both out."
            )

    @property
    def end_id(self) -> int:  # type: ignore[override]  # nobody sets it
        return list_ends(self.model.generation_config)[0]

    def measure(self, sources: Sequence[Stored]) -> list[int]:
        return measure_sources(sources, self.source)

    def write(
        self,
        sources: Sequence[Stored],
        options: GenerationOptions,
        advance: Advance,
        prefix: Ids,
        places: Sequence[int],
    ) -> list[list[Hypothesis]]:
        model = self.copies.find(self.model, options.precision)
        if options.batch_tokens is None:
            # Other GPUs may have other memory free, and all processes need the same batches.
            most = self.share.agree(choose_batch_tokens(model, options))
            options = options.model_copy(update={"batch_tokens": most})
        write = partial(_generate_batch, model, self.source, sources, options, prefix, places)
        compute = partial(compute_side_by_side, compute=write, device=model.device)
        lengths = self.measure(sources)
        with evaluating(model):
            return map_by_length(lengths, options.fits, compute, advance, self.share)

    def score(
        self,
        sources: Sequence[Stored],
        labels: Sequence[Ids],
        advance: Advance = lambda pairs: None,
    ) -> list[list[float]]:
        return score_ids(self.model, sources, labels, advance, self.share, self.source)


def check_lengths(
    model: TokenLossModel,
    source_tokens: int,
    target_tokens: int,
) -> None:
    """Refuses lengths that the position tables do not reach.

    Raises:
        GenerationError: naming the limit.
    """
    limits = {"source": model.max_source_positions, "target": model.max_target_positions}
    check_positions(limits, {"source": source_tokens, "target": target_tokens})


def _generate_batch(
    model: TokenLossModel,
    source: Source | None,
    sources: Sequence[Stored],
    options: GenerationOptions,
    prefix: Ids,
    places: Sequence[int],
    batch: Batch,
) -> list[list[Hypothesis]]:
    """The outputs of the sources of a batch; `sources` and `places` are those of all batches."""
    arguments = _translate_options(options, prefix)
    if options.sampling:
        draws = Draws(options, [places[index] for index in batch], model.device)
        arguments["logits_processor"] = [draws]
    # Each draw is a search of its own.
    copies = options.num_outputs if options.sampling else 1
    rows = [sources[index] for index in batch for _ in range(copies)]
    prompt = [model.generation_config.decoder_start_token_id, *prefix]
    if prefix:
        arguments["decoder_input_ids"] = torch.tensor([prompt] * len(rows), device=model.device)
    with explain_memory(GenerationError(explain_batch(len(batch), options))), torch.inference_mode():
        inputs = collate_for(model, rows, source)
        sequences = model.generate(
            **inputs,
            **arguments,
            encoder_outputs=model.encode(inputs),
            past_key_values=BeamCache(),
        )
    ends = list_ends(model.generation_config)
    # `generate` gives the prompt back in front of what it wrote.
    hypotheses = []
    for row in sequences[:, len(prompt) :].tolist():
        hypotheses.append(_strip_marks(row, prefix, ends, model.generation_config.pad_token_id))
    starts = range(0, len(hypotheses), options.num_outputs)
    return [hypotheses[start : start + options.num_outputs] for start in starts]


def _translate_options(options: GenerationOptions, prefix: Ids) -> dict[str, Any]:
    """The arguments of transformers' `generate`, whose lengths do not count a prefix."""
    arguments = translate_options(options.model_dump()) | OWN_SETTINGS
    if options.sampling:
        arguments |= {"temperature": None, "top_k": None, "top_p": None}
    else:
        arguments["num_return_sequences"] = options.num_outputs
    if prefix:
        arguments["max_new_tokens"] -= len(prefix)
        arguments["min_new_tokens"] = max(options.min_target_tokens - len(prefix), 0) or None
    return arguments


def _strip_marks(ids: list[int], prefix: Ids, ends: Ids, pad_id: int) -> Hypothesis:
    """What stands before the first end mark, behind the prefix. [7, 8, 102, 0, 0] -> [7, 8]"""
    end = next((token_id for token_id in ids if token_id in ends), None)
    if end is not None:
        ids = ids[: ids.index(end)]
    written = [token_id for token_id in ids if token_id != pad_id]
    return Hypothesis(
        [*prefix, *written],
        is_ended=end is not None,
        other_end=None if end == ends[0] else end,
    )

"""The one translation of our generation options into transformers' own: checkpoints store it, the engine runs by it."""

from collections.abc import Mapping
from typing import Any

from transformers import GenerationConfig, PreTrainedConfig

MARKS = (
    "decoder_start_token_id", "bos_token_id", "eos_token_id", "pad_token_id",
    "forced_bos_token_id", "forced_eos_token_id",  # of BART and its kin
    "bad_words_ids",  # of Marian, whose output layer would write the pad
)  # fmt: skip


def read_marks(config: PreTrainedConfig | GenerationConfig) -> dict[str, Any]:
    """The special tokens that `generate` needs, from a model's config."""
    return {mark: getattr(config, mark, None) for mark in MARKS}


def translate_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `generate` for the options of a recipe's section `generation`."""
    return {
        "num_beams": options["num_beams"],
        "max_new_tokens": options["max_target_tokens"],
        "length_penalty": options["length_penalty"] if options["num_beams"] > 1 else None,
        "no_repeat_ngram_size": options["no_repeat_ngram_size"] or None,
    }

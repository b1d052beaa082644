"""The one translation of our generation options into transformers' own: checkpoints store it, the engine runs by it."""

from collections.abc import Mapping
from typing import Any

from transformers import GenerationConfig, PreTrainedConfig

MARKS = (
    "decoder_start_token_id", "bos_token_id", "eos_token_id", "pad_token_id",
    "forced_bos_token_id", "forced_eos_token_id",  # of BART and its kin
    "bad_words_ids",  # of Marian, whose output layer would write the pad
)  # fmt: skip


class GnmtPenalty(float):
    """An alpha for which `length ** alpha` is ((5 + length) / 6)^alpha (Wu et al. 2016, eq. 14).

    transformers' beam search divides by `length ** length_penalty` and knows no other form. In a file it is the number.

    Example: 7 ** GnmtPenalty(0.5) == 2 ** 0.5
    """

    def __rpow__(self, length: int) -> float:
        return ((5 + length) / 6) ** float(self)


def read_marks(config: PreTrainedConfig | GenerationConfig) -> dict[str, Any]:
    """The special tokens that `generate` needs, from a model's config."""
    return {mark: getattr(config, mark, None) for mark in MARKS}


def translate_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `generate` for the options of a recipe's section `generation`.

    Left out is what plain transformers has no place for: the forced text and the seed.
    """
    penalty = options["length_penalty"]
    if options.get("length_penalty_form") == "gnmt":
        penalty = GnmtPenalty(penalty)
    # None stands for transformers' default: a value that changes nothing would still run its code.
    repetition_penalty = options.get("repetition_penalty", 1.0)
    arguments = {
        "num_beams": options["num_beams"],
        "max_new_tokens": options["max_target_tokens"],
        "min_new_tokens": options.get("min_target_tokens") or None,
        "length_penalty": penalty if options["num_beams"] > 1 else None,
        "no_repeat_ngram_size": options["no_repeat_ngram_size"] or None,
        "repetition_penalty": None if repetition_penalty == 1.0 else repetition_penalty,
    }
    if options.get("sampling"):
        arguments["do_sample"] = True
        for name in ("temperature", "top_k", "top_p"):
            arguments[name] = options[name]
    return arguments

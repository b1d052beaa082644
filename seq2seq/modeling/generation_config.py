"""The one translation of our generation options into transformers' own: checkpoints store it, the engine runs by it."""

from collections.abc import Mapping
from typing import Any

from transformers import GenerationConfig, PreTrainedConfig

MARKS = (
    "decoder_start_token_id", "bos_token_id", "eos_token_id", "pad_token_id",
    "forced_bos_token_id", "forced_eos_token_id",  # of BART and its kin
)  # fmt: skip
# What a model says about its tokens besides, for which there is no option: it stays with the model, trained on or not.
RULES = (
    "bad_words_ids",  # of Marian, whose output layer would write the pad
    "suppress_tokens", "begin_suppress_tokens", "sequence_bias", "exponential_decay_length_penalty",
    "renormalize_logits",  # of Marian too: of what is left after bad words
    "remove_invalid_values", "watermarking_config",
)  # fmt: skip


class GnmtPenalty(float):
    """An alpha for which `length ** alpha` is ((5 + length) / 6)^alpha (Wu et al. 2016, eq. 14).

    transformers' beam search divides by `length ** length_penalty` and knows no other form. In a file it is the number.

    Example: 7 ** GnmtPenalty(0.5) == 2 ** 0.5
    """

    def __rpow__(self, length: Any, modulus: None = None) -> Any:
        return ((5 + length) / 6) ** float(self)


def read_marks(config: PreTrainedConfig | GenerationConfig) -> dict[str, Any]:
    """The special tokens that `generate` needs, and the model's rules about tokens, from a model's config."""
    return {name: getattr(config, name, None) for name in (*MARKS, *RULES)}


def list_ends(generation: GenerationConfig) -> tuple[int, ...]:
    """The ids of a model's end marks, of which some have several."""
    ends = generation.eos_token_id
    if ends is None:
        return ()
    return tuple(ends) if isinstance(ends, list) else (ends,)


def translate_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `generate` for the options of a recipe's section `generation`.

    Left out is what plain transformers has no place for: the forced text and the seed.
    """
    penalty = options["length_penalty"]
    if options.get("length_penalty_form") == "gnmt":
        penalty = GnmtPenalty(penalty)
    # None stands for transformers' default: a value that changes nothing would still run its code.
    is_beam_search = options["num_beams"] > 1
    repetition_penalty = options.get("repetition_penalty", 1.0)
    encoder_penalty = options.get("encoder_repetition_penalty", 1.0)
    arguments = {
        "num_beams": options["num_beams"],
        "early_stopping": options.get("early_stopping", False) if is_beam_search else None,
        "max_new_tokens": options["max_target_tokens"],
        "min_new_tokens": options.get("min_target_tokens") or None,
        "length_penalty": penalty if is_beam_search else None,
        "no_repeat_ngram_size": options["no_repeat_ngram_size"] or None,
        "encoder_no_repeat_ngram_size": options.get("encoder_no_repeat_ngram_size") or None,
        "repetition_penalty": None if repetition_penalty == 1.0 else repetition_penalty,
        "encoder_repetition_penalty": None if encoder_penalty == 1.0 else encoder_penalty,
    }
    if options.get("sampling"):
        arguments["do_sample"] = True
        for name in ("temperature", "top_k", "top_p"):
            arguments[name] = options[name]
    return arguments

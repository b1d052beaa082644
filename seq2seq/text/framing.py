"""Framing: the marks that open and close a target. Sources get none (Rothe et al. 2020).

Derived once from the target tokenizer; model config, generation config, data and generation all take it from here.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from transformers import PreTrainedTokenizerFast

from ..errors import TokenizerError


@dataclass(frozen=True)
class Framing:
    """Ids of the begin, end and pad marks of a target.

    Example: with begin 101, end 102, the ids [7, 8, 9] become labels [7, 8, 9, 102] and, shifted by the model, decoder
    inputs [101, 7, 8, 9].
    """

    begin_id: int
    end_id: int
    pad_id: int

    def frame_target(self, ids: Sequence[int], max_target_tokens: int) -> tuple[list[int], bool]:
        """Labels of a target and whether it was truncated. A truncated target gets no end mark: it did not end there.

        `max_target_tokens` counts the end mark, not the begin mark.
        """
        if len(ids) + 1 > max_target_tokens:
            return list(ids[:max_target_tokens]), True
        return [*ids, self.end_id], False

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


def derive_framing(tokenizer: PreTrainedTokenizerFast) -> Framing:
    """Begin = [CLS] or the begin-of-sequence token, end = [SEP] or the end-of-sequence token, pad = the pad token.

    Raises:
        TokenizerError: a mark is missing, or the pad is also the begin or end mark (it would be masked or trained).
    """
    marks = {
        "begin": first_id(tokenizer, "cls_token", "bos_token"),
        "end": first_id(tokenizer, "sep_token", "eos_token"),
        "pad": first_id(tokenizer, "pad_token"),
    }
    missing = [name for name, mark in marks.items() if mark is None]
    if missing:
        raise TokenizerError(
            f"The target tokenizer has no {' and no '.join(missing)} mark (its special tokens: "
            f"{tokenizer.special_tokens_map}). Set cls_token or bos_token, sep_token or eos_token, and pad_token."
        )
    if marks["pad"] in (marks["begin"], marks["end"]):
        raise TokenizerError(
            f"The target tokenizer uses {tokenizer.pad_token!r} both as pad and as begin or end mark. "
            "Give it a pad token of its own."
        )
    return Framing(marks["begin"], marks["end"], marks["pad"])


def first_id(tokenizer: PreTrainedTokenizerFast, *roles: str) -> int | None:
    """The id of the first of these special-token roles that the tokenizer fills."""
    for role in roles:
        if (token := getattr(tokenizer, role)) is not None:
            return tokenizer.convert_tokens_to_ids(token)
    return None

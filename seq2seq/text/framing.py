"""Framing: the marks that open and close a text.

Derived once, from the tokenizers of both sides or, for encoder-decoders published whole, from their own; model config,
generation config, data and generation all take it from here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy
from transformers import PreTrainedTokenizerFast

from ..base.errors import TokenizerError

Marks = tuple[int, ...]  # ids around a text, in their order


@dataclass(frozen=True)
class Framing:
    """Ids of the begin, end and pad marks of a target, and what else a published model puts around its texts.

    source_prefix, source_suffix: ids around a source, such as [CLS] and [SEP] of BERT.
    target_prefix: ids that a target begins with behind the begin mark, such as <s> of BART or a language of mBART-50.

    Example: with begin 101, end 102, the ids [7, 8, 9] become labels [7, 8, 9, 102] and, shifted by the model, decoder
    inputs [101, 7, 8, 9].
    """

    begin_id: int
    end_id: int
    pad_id: int
    source_prefix: Marks = ()
    source_suffix: Marks = ()
    target_prefix: Marks = ()

    @property
    def source_marks(self) -> int:
        """How many ids stand around a source."""
        return len(self.source_prefix) + len(self.source_suffix)

    @property
    def target_marks(self) -> int:
        """How many ids the labels of a whole target have besides its own."""
        return len(self.target_prefix) + 1

    def frame_source(
        self,
        ids: Sequence[int] | numpy.ndarray,
        max_source_tokens: int,
    ) -> tuple[list[int], bool]:
        """A source with its marks and whether it was truncated; the limit counts the marks, which always stay."""
        # Below zero, the end of a slice would count from the text's own end.
        room = max(max_source_tokens - self.source_marks, 0)
        kept = ids[:room]
        framed = [*self.source_prefix, *kept, *self.source_suffix]
        return framed, len(ids) > room

    def frame_target(
        self,
        ids: Sequence[int],
        max_target_tokens: int,
    ) -> tuple[list[int], bool]:
        """Labels of a target and whether it was truncated. A truncated target gets no end mark: it did not end there.

        `max_target_tokens` counts the prefix and the end mark, not the begin mark.
        """
        labels = [*self.target_prefix, *ids]
        is_truncated = len(labels) + 1 > max_target_tokens
        if is_truncated:
            return labels[:max_target_tokens], True
        return [*labels, self.end_id], False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The framing that `to_dict` gave, also after a way through JSON."""
        fields: dict[str, Any] = {}
        for name, value in values.items():
            # JSON has lists alone.
            fields[name] = tuple(value) if isinstance(value, list) else value
        return cls(**fields)


def derive_framing(tokenizer: PreTrainedTokenizerFast) -> Framing:
    """Begin = the begin-of-sequence token or [CLS], end = the end-of-sequence token or [SEP], pad = the pad token.

    Raises:
        TokenizerError: a mark is missing, or the pad is also the begin or end mark (it would be masked or trained).
    """
    begin_id = first_id(tokenizer, "bos_token", "cls_token")
    end_id = first_id(tokenizer, "eos_token", "sep_token")
    pad_id = first_id(tokenizer, "pad_token")
    marks = {"begin": begin_id, "end": end_id, "pad": pad_id}
    found = {name: mark for name, mark in marks.items() if mark is not None}
    missing = [name for name in marks if name not in found]
    if missing:
        raise TokenizerError(
            f"The target tokenizer has no {' and no '.join(missing)} mark (its special tokens: "
            f"{tokenizer.special_tokens_map}). Set cls_token or bos_token, sep_token or eos_token, and pad_token."
        )
    if pad_id in (begin_id, end_id):
        raise TokenizerError(
            f"The target tokenizer uses {tokenizer.pad_token!r} both as pad and as begin or end mark. "
            "Give it a pad token of its own."
        )
    return Framing(found["begin"], found["end"], found["pad"])


def find_source_marks(tokenizer: PreTrainedTokenizerFast) -> tuple[Marks, Marks]:
    """What stands before and behind a source: [CLS] or the begin mark, the end mark or [SEP]. T5 has only the second.

    Raises:
        TokenizerError: the tokenizer has neither.
    """
    first = first_id(tokenizer, "cls_token", "bos_token")
    last = first_id(tokenizer, "eos_token", "sep_token")
    if first is None and last is None:
        raise TokenizerError(
            "model.source_marks: the source tokenizer has no mark to put around sources (its special tokens: "
            f"{tokenizer.special_tokens_map}). Set cls_token and sep_token there, or model.source_marks to false."
        )
    prefix = () if first is None else (first,)
    suffix = () if last is None else (last,)
    return prefix, suffix


def first_id(tokenizer: PreTrainedTokenizerFast, *roles: str) -> int | None:
    """The id of the first of these special-token roles that the tokenizer fills."""
    for role in roles:
        token = getattr(tokenizer, role)
        if token is not None:
            return tokenizer.convert_tokens_to_ids(token)
    return None

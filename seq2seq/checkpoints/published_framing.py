"""The marks around the texts of encoder-decoders that others published, or that transformers has saved again.

Knows no weights. What marks a tokenizer puts there itself was probed before, see text/published.py.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from transformers import EncoderDecoderConfig, GenerationConfig, PreTrainedConfig, PreTrainedTokenizerFast

from ..base.errors import CheckpointError
from ..families.table import find_family
from ..modeling.generation_config import list_ends
from ..text.framing import Framing, Marks, first_id
from ..text.published import OwnMarks

Holder: TypeAlias = PreTrainedConfig | GenerationConfig | None  # of marks


def derive_own_framing(
    folder: Path,
    config: PreTrainedConfig,
    generation: GenerationConfig,
    target: PreTrainedTokenizerFast,
    own: OwnMarks,
    *,
    asked: bool,
) -> Framing:
    """The checkpoint's own framing: marks of the generation config, else of the config, its decoder or the tokenizer.

    A mark that the tokenizer puts in front of targets belongs to them, unless the decoder begins with it anyhow or the
    generation config forces another. Whether outputs are forced to begin with it is another question: `is_forced`.

    Args:
        target: the tokenizer of targets, bare.
        asked: whether the user chose the language of targets.

    Raises:
        CheckpointError: a mark stands nowhere, or nobody tells the language that the decoder begins with.
    """
    holders = (generation, config, getattr(config, "decoder", None))
    is_bare = _reads_bare_texts(config, own)
    forced_id = generation.forced_bos_token_id
    begin_id = _find_mark("decoder_start_token_id", holders)
    prefix = () if is_bare else own.target_prefix
    if own.marks_languages:
        begin_id, prefix = _place_language(folder, own, begin_id, forced_id, asked=asked)
    elif forced_id is not None:
        prefix = _force(forced_id, prefix)
    if begin_id is None:
        begin_id = generation.bos_token_id  # what plain transformers begins with then, as in T5Gemma
    framing = _require_marks(
        folder,
        target,
        begin_id=begin_id,
        end_id=_find_end(generation, holders),
        pad_id=_find_mark("pad_token_id", holders[::-1]),  # RoBERTa counts positions from its own
    )
    if prefix[:1] == (framing.begin_id,) and forced_id is None:
        prefix = prefix[1:]
    return replace(
        framing,
        source_prefix=() if is_bare else own.source_prefix,
        source_suffix=() if is_bare else own.source_suffix,
        target_prefix=prefix,
    )


def follow_marks(framing: Framing, generation: GenerationConfig) -> Framing:
    """The framing of a checkpoint of ours with those marks that its generation config has otherwise by now."""
    begin_id = _find_mark("decoder_start_token_id", (generation,))
    ends = list_ends(generation)
    forced_id = generation.forced_bos_token_id
    if begin_id is not None:
        framing = replace(framing, begin_id=begin_id)
    if ends and framing.end_id not in ends:
        framing = replace(framing, end_id=ends[0])
    if forced_id is not None:
        framing = replace(framing, target_prefix=_force(forced_id, framing.target_prefix))
    return framing


def is_forced(generation: GenerationConfig, *, has_language: bool) -> bool:
    """Whether outputs are made to begin as targets do, where targets begin with more than the begin mark.

    As in plain transformers that is so where the generation config forces a token: labels that begin with the <s> of a
    tokenizer teach a model to write it. A language is chosen, which a model cannot know: it is written in any case.

    Args:
        has_language: whether targets begin with a language.
    """
    return has_language or generation.forced_bos_token_id is not None


def begins_with_language(framing: Framing, target: PreTrainedTokenizerFast) -> bool:
    """Whether targets of a checkpoint of ours begin with a language: with another token than the tokenizer's mark."""
    marks = {first_id(target, "bos_token"), first_id(target, "cls_token")}
    return bool(framing.target_prefix) and framing.target_prefix[0] not in marks


def list_generation_marks(framing: Framing, ends: Marks, *, forced: bool) -> dict[str, int | list[int]]:
    """The framing's marks by transformers' names, so that its plain `generate` writes as ours does.

    Args:
        ends: of several end marks all, of which the framing has the one that targets are trained with; it comes first.
        forced: whether outputs are made to begin as targets do.
    """
    others = [end for end in ends if end != framing.end_id]
    marks = {
        "decoder_start_token_id": framing.begin_id,
        "eos_token_id": [framing.end_id, *others] if len(ends) > 1 else framing.end_id,
        "pad_token_id": framing.pad_id,
    }
    if forced and len(framing.target_prefix) == 1:  # transformers can force no longer one
        marks["forced_bos_token_id"] = framing.target_prefix[0]
    return marks


def _reads_bare_texts(config: PreTrainedConfig, own: OwnMarks) -> bool:
    """Whether texts have no marks whatever the tokenizer adds, as those of published pairs of BertGeneration.

    What we saved of a tokenizer adds the marks that its model was trained with.
    """
    if own.are_ours or not isinstance(config, EncoderDecoderConfig):
        return False
    return find_family(config.encoder).bare_texts


def _force(forced_id: int, prefix: Marks) -> Marks:
    """What a target begins with where transformers forces the first token: longer only where it does so anyhow."""
    return prefix if prefix[:1] == (forced_id,) else (forced_id,)


def _find_mark(mark: str, holders: Iterable[Holder]) -> int | None:
    """The first that is one id: generation configs may list several ends."""
    for holder in holders:
        value = getattr(holder, mark, None)
        if isinstance(value, int):
            return value
    return None


def _find_end(generation: GenerationConfig, holders: Iterable[Holder]) -> int | None:
    """The end mark that targets are trained with: of several, the one that the config names, else the first."""
    ends = list_ends(generation)
    named = _find_mark("eos_token_id", holders)
    return ends[0] if len(ends) > 1 and named not in ends else named


def _place_language(
    folder: Path,
    own: OwnMarks,
    begin_id: int | None,
    forced_id: int | None,
    *,
    asked: bool,
) -> tuple[int | None, Marks]:
    """The begin mark and what follows it, one of which is the target's language."""
    if len(own.target_suffix) <= 1:
        return begin_id, (_find_language(folder, own, forced_id, asked=asked),)
    # The language that mBART's tokenizer puts behind the end mark is what the decoder begins with.
    language = _find_language(folder, own, begin_id, asked=asked)
    if forced_id is None:
        return language, ()
    return language, (language if asked else forced_id,)


def _find_language(
    folder: Path,
    own: OwnMarks,
    configured: int | None,
    *,
    asked: bool,
) -> int:
    """The id of the target's language: the user's where they were `asked` for it, else the configured one.

    Raises:
        CheckpointError: nobody tells it.
    """
    language = configured
    if asked or configured is None:
        language = own.target_language
    if language is None:
        raise CheckpointError(
            f"{folder}: the decoder begins with the target's language, and neither config nor tokenizer names one. "
            "Set model.target_language, or tgt_lang in tokenizer_config.json."
        )
    return language


def _require_marks(
    folder: Path,
    target: PreTrainedTokenizerFast,
    *,
    begin_id: int | None,
    end_id: int | None,
    pad_id: int | None,
) -> Framing:
    """A framing of the marks that every target needs: those given, else the tokenizer's.

    Raises:
        CheckpointError: one stands nowhere.
    """
    marks = {
        "decoder_start_token_id": _complete(begin_id, target, "bos_token", "cls_token"),
        "eos_token_id": _complete(end_id, target, "eos_token", "sep_token"),
        "pad_token_id": _complete(pad_id, target, "pad_token"),
    }
    found = {name: mark for name, mark in marks.items() if mark is not None}
    missing = [name for name in marks if name not in found]
    if missing:
        raise CheckpointError(
            f"{folder}: neither config nor tokenizer gives {', '.join(missing)}. Add it to config.json."
        )
    return Framing(
        begin_id=found["decoder_start_token_id"],
        end_id=found["eos_token_id"],
        pad_id=found["pad_token_id"],
    )


def _complete(mark: int | None, tokenizer: PreTrainedTokenizerFast, *roles: str) -> int | None:
    """A mark, or the tokenizer's where no config gives it."""
    return first_id(tokenizer, *roles) if mark is None else mark

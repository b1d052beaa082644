"""Encoder-decoders that others published or that transformers alone saved: read into what our checkpoints are.

BART, mBART, T5, Marian and their kin, and `EncoderDecoderModel` folders without our description.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import (
    AutoConfig,
    EncoderDecoderConfig,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
)

from ..base.errors import CheckpointError
from ..families.configs import set_dropout
from ..families.table import find_family
from ..modeling.build import build_model
from ..modeling.encoder_decoder import set_special_tokens
from ..modeling.generation_config import list_ends
from ..modeling.sharing import Sharing
from ..modeling.token_loss import TokenLossModel
from ..modeling.weights import WeightFiles
from ..text.framing import Framing, Marks, first_id
from ..text.published import OwnMarks, load_published_tokenizers
from ..text.tokenizers import TokenizerPair, give_role
from .published_generation import read_published_generation
from .published_weights import fill


@dataclass(frozen=True)
class PublishedEncoderDecoder:
    """What a published folder holds; the model is in evaluation mode, float32.

    generation: our generation options, as far as the folder has them.
    refused: what it says of generation that is not obeyed here, as in `PublishedGeneration`.
    unused_tensors: tensors of the file that the model has no place for.
    shared: what the file shows to be shared between the sides, or None.
    """

    model: TokenLossModel
    tokenizers: TokenizerPair
    framing: Framing
    generation: dict
    refused: tuple[str, ...]
    unused_tensors: tuple[str, ...]
    shared: str | None


def read_published(
    folder: Path,
    *,
    source_language: str | None = None,
    target_language: str | None = None,
    dropout: float | None = None,
) -> PublishedEncoderDecoder:
    """Reads an encoder-decoder that others published, with the marks that its own tokenizer puts around texts.

    Args:
        source_language, target_language: codes such as en_XX, for tokenizers that mark languages.
        dropout: of all layers; None keeps the checkpoint's own.

    Raises:
        CheckpointError: it is no encoder-decoder, its weights lack tensors, or as `read_published_generation`.
        TokenizerError: it has no tokenizer that can be run here, or not these languages.
    """
    config = _read_config(folder)
    generation = read_published_generation(folder)
    tokenizers, own = load_published_tokenizers(
        folder,
        source_language=source_language,
        target_language=target_language,
    )
    framing = _derive_framing(
        folder,
        config,
        generation.own,
        tokenizers,
        own,
        asked=target_language is not None,
    )
    model = _build(folder, config, framing, dropout)
    generation.check_rows(len(model.get_output_embeddings().weight))
    _name_marks(tokenizers, framing, model.source_pad_id)
    weights = WeightFiles(str(folder), folder, CheckpointError)
    filling = fill(model, weights)
    # Here too: what is set in the config of a model that stands already never reaches `generate`.
    generation.own.update(**_list_generation_marks(framing, list_ends(generation.own)))
    model.generation_config = generation.own
    return PublishedEncoderDecoder(
        model=model.eval(),
        tokenizers=tokenizers,
        framing=framing,
        generation=generation.options,
        refused=generation.refused,
        unused_tensors=filling.unused_tensors,
        shared=filling.shared,
    )


def _list_generation_marks(framing: Framing, ends: Marks) -> dict[str, int | list[int]]:
    """The framing's marks by transformers' names, so that its plain `generate` writes as ours does.

    Args:
        ends: of several end marks all, of which the framing has the one that targets are trained with; it comes first.
    """
    others = [end for end in ends if end != framing.end_id]
    marks = {
        "decoder_start_token_id": framing.begin_id,
        "eos_token_id": [framing.end_id, *others] if len(ends) > 1 else framing.end_id,
        "pad_token_id": framing.pad_id,
    }
    if len(framing.target_prefix) == 1:  # transformers can force no longer one
        marks["forced_bos_token_id"] = framing.target_prefix[0]
    return marks


def _read_config(folder: Path) -> PreTrainedConfig:
    """The config of an encoder-decoder that writes text.

    Raises:
        CheckpointError: there is none, or it is of another kind.
    """
    try:
        config = AutoConfig.from_pretrained(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError, KeyError, StrictDataclassError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{folder}: config.json cannot be read ({reason}).") from None
    if not config.is_encoder_decoder:
        raise CheckpointError(
            f"{folder} holds one model of type {config.model_type!r}, no encoder-decoder. To start one from it, name "
            "it as model.encoder or model.decoder of a recipe."
        )
    return config


def _derive_framing(
    folder: Path,
    config: PreTrainedConfig,
    generation: GenerationConfig,
    tokenizers: TokenizerPair,
    own: OwnMarks,
    *,
    asked: bool,
) -> Framing:
    """The checkpoint's own framing: marks of the generation config, else of the config, its decoder or the tokenizer.

    A mark that the tokenizer puts in front of targets belongs to them, unless the decoder begins with it anyhow. Pairs
    of BertGeneration were trained on bare texts (transformers' documentation), whatever their tokenizer adds.

    Raises:
        CheckpointError: a mark stands nowhere, or nobody tells the language that the decoder begins with.
    """
    holders = (generation, config, getattr(config, "decoder", None))
    begin_id = _find_mark("decoder_start_token_id", holders)
    end_id = _find_end(generation, holders)
    pad_id = _find_mark("pad_token_id", holders[::-1])  # RoBERTa counts positions from its own
    forced_id = generation.forced_bos_token_id
    prefix = own.target_prefix
    if own.marks_languages:
        # The language that mBART's tokenizer puts behind the end mark is what the decoder begins with.
        if len(own.target_suffix) > 1:
            begin_id = _find_language(folder, own, begin_id, asked=asked)
            prefix = ()
        else:
            prefix = (_find_language(folder, own, forced_id, asked=asked),)
    if begin_id is None:
        begin_id = generation.bos_token_id  # what plain transformers begins with then, as in T5Gemma
    marks = {
        "decoder_start_token_id": _complete(begin_id, tokenizers.target, "bos_token", "cls_token"),
        "eos_token_id": _complete(end_id, tokenizers.target, "eos_token", "sep_token"),
        "pad_token_id": _complete(pad_id, tokenizers.target, "pad_token"),
    }
    missing = [name for name, mark in marks.items() if mark is None]
    if missing:
        raise CheckpointError(
            f"{folder}: neither config nor tokenizer gives {', '.join(missing)}. Add it to config.json."
        )
    begin_id, end_id, pad_id = marks.values()
    if prefix[:1] == (begin_id,) and forced_id is None:
        prefix = prefix[1:]
    if isinstance(config, EncoderDecoderConfig) and find_family(config.encoder).bare_texts:
        return Framing(begin_id, end_id, pad_id)
    return Framing(
        begin_id,
        end_id,
        pad_id,
        source_prefix=own.source_prefix,
        source_suffix=own.source_suffix,
        target_prefix=prefix,
    )


def _find_mark(mark: str, holders: Iterable[PreTrainedConfig | GenerationConfig | None]) -> int | None:
    """The first that is one id: generation configs may list several ends."""
    for holder in holders:
        value = getattr(holder, mark, None)
        if isinstance(value, int):
            return value
    return None


def _find_end(
    generation: GenerationConfig, holders: Iterable[PreTrainedConfig | GenerationConfig | None]
) -> int | None:
    """The end mark that targets are trained with: of several, the one that the config names, else the first."""
    ends = list_ends(generation)
    named = _find_mark("eos_token_id", holders)
    return ends[0] if len(ends) > 1 and named not in ends else named


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


def _complete(
    mark: int | None,
    tokenizer: PreTrainedTokenizerFast,
    *roles: str,
) -> int | None:
    """A mark, or the tokenizer's where no config gives it."""
    return first_id(tokenizer, *roles) if mark is None else mark


def _name_marks(
    tokenizers: TokenizerPair,
    framing: Framing,
    source_pad_id: int,
) -> None:
    """Lets the tokenizers know the model's marks for such, which the files of 2020 leave to the caller.

    Their own pad may stand beyond the model's tables.
    """
    target = tokenizers.target
    if framing.begin_id not in target.all_special_ids:
        give_role(target, "bos_token", framing.begin_id)
    if framing.end_id not in target.all_special_ids:
        give_role(target, "eos_token", framing.end_id)
    _name_pad(tokenizers.source, source_pad_id)
    _name_pad(target, framing.pad_id)


def _name_pad(tokenizer: PreTrainedTokenizerFast, pad_id: int) -> None:
    if tokenizer.pad_token_id != pad_id:
        give_role(tokenizer, "pad_token", pad_id)


def _build(
    folder: Path,
    config: PreTrainedConfig,
    framing: Framing,
    dropout: float | None,
) -> TokenLossModel:
    """The model of a config, with random weights and the marks of the framing."""
    if dropout is not None:
        set_dropout(config, dropout)
    if isinstance(config, EncoderDecoderConfig):
        source_pad_id = config.encoder.pad_token_id
        set_special_tokens(
            config,
            begin_id=framing.begin_id,
            end_id=framing.end_id,
            pad_id=framing.pad_id,
            source_pad_id=framing.pad_id if source_pad_id is None else source_pad_id,
        )
    else:
        config.decoder_start_token_id = framing.begin_id
        config.pad_token_id = framing.pad_id
    try:
        with torch.random.fork_rng(devices=[]):  # all weights are overwritten: drawing them moves no other draws
            return build_model(config, Sharing(embeddings=False, layers=False))
    except ValueError as error:
        raise CheckpointError(f"{folder}: {error}. Expected an encoder-decoder such as BART, T5 or a pair.") from None

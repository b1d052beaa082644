"""Encoder-decoders that others published or that transformers alone saved: read into what our checkpoints are.

BART, mBART, T5, Marian and their kin, and `EncoderDecoderModel` folders without our description.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, EncoderDecoderConfig, PreTrainedConfig, PreTrainedTokenizerFast

from ..base.errors import CheckpointError
from ..families.configs import set_dropout
from ..families.table import add_families
from ..modeling.build import build_model
from ..modeling.encoder_decoder import set_special_tokens
from ..modeling.generation_config import list_ends
from ..modeling.sharing import Sharing
from ..modeling.token_loss import TokenLossModel
from ..modeling.weights import WeightFiles
from ..text.framing import Framing
from ..text.published import load_published_tokenizers
from ..text.tokenizers import TokenizerPair, give_role
from .carried import Carried, find_carried
from .description import CheckpointDescription, check_no_languages
from .published_framing import (
    begins_with_language,
    derive_own_framing,
    follow_marks,
    is_forced,
    list_generation_marks,
)
from .published_generation import PublishedGeneration, Refusal, follow_options, read_published_generation
from .published_weights import fill
from .tables import check_tables


@dataclass(frozen=True)
class PublishedEncoderDecoder:
    """What a published folder holds; the model is in evaluation mode, float32.

    generation: our generation options, as far as the folder has them.
    refused: what it says of generation that is not obeyed here, as in `PublishedGeneration`.
    unused_tensors: tensors of the file that the model has no place for.
    shared: what the file shows to be shared between the sides, or None.
    carried: what config.json carries of the description of a checkpoint of ours, where the folder was made of one.
    notes: what its user should know.
    """

    model: TokenLossModel
    tokenizers: TokenizerPair
    framing: Framing
    generation: dict
    refused: tuple[Refusal, ...]
    unused_tensors: tuple[str, ...]
    shared: str | None
    carried: CheckpointDescription | None
    notes: tuple[str, ...]


def read_published(
    folder: Path,
    *,
    source_language: str | None = None,
    target_language: str | None = None,
    dropout: float | None = None,
) -> PublishedEncoderDecoder:
    """Reads an encoder-decoder that others published, with the marks that its own tokenizer puts around texts.

    What was a checkpoint of ours before transformers saved it again has the marks that it was trained with.

    Args:
        source_language, target_language: codes such as en_XX, for tokenizers that mark languages.
        dropout: of all layers; None keeps the checkpoint's own.

    Raises:
        CheckpointError: it is no encoder-decoder, its weights lack tensors, or as `read_published_generation`,
            `check_tables`, `TokenizerNotes.check` and `check_no_languages`.
        TokenizerError: it has no tokenizer that can be run here, or not these languages.
    """
    config = _read_config(folder)
    carried = find_carried(folder, config)
    if carried is not None:
        check_no_languages(folder, source_language, target_language)
        add_families(carried.description.families, f"{folder}: families", CheckpointError)
    generation = read_published_generation(folder)
    tokenizers, own = load_published_tokenizers(
        folder,
        source_language=source_language,
        target_language=target_language,
    )
    if carried is None:
        asked = target_language is not None
        framing = derive_own_framing(folder, config, generation.own, tokenizers.target, own, asked=asked)
        has_language = own.marks_languages
    else:
        carried.tokenizers.check(folder, tokenizers)
        framing = follow_marks(carried.framing, generation.own)
        has_language = begins_with_language(framing, tokenizers.target)
    model = _build(folder, config, framing, dropout)
    _check(folder, model, tokenizers, framing, generation, carried)
    _name_marks(tokenizers, framing, model.source_pad_id)
    weights = WeightFiles(str(folder), folder, CheckpointError)
    filling = fill(model, weights, marked=None if carried is None else carried.sharing)
    # Here too: what is set in the config of a model that stands already never reaches `generate`.
    forced = is_forced(generation.own, has_language=has_language)
    generation.own.update(**list_generation_marks(framing, list_ends(generation.own), forced=forced))
    model.generation_config = generation.own
    return PublishedEncoderDecoder(
        model=model.eval(),
        tokenizers=tokenizers,
        framing=framing,
        generation=_choose_options(generation, carried),
        refused=generation.refused,
        unused_tensors=filling.unused_tensors,
        shared=filling.shared,
        carried=None if carried is None else carried.description,
        notes=() if carried is None else carried.tokenizers.list_losses(tokenizers),
    )


def _check(
    folder: Path,
    model: TokenLossModel,
    tokenizers: TokenizerPair,
    framing: Framing,
    generation: PublishedGeneration,
    carried: Carried | None,
) -> None:
    """Makes sure that the model has a row for every token that its files name.

    Raises:
        CheckpointError: as `check_tables` and `PublishedGeneration.check_rows`.
    """
    generation.check_rows(len(model.get_output_embeddings().weight))
    check_tables(
        folder,
        model,
        tokenizers,
        framing,
        reads_text=carried is None or carried.description.reads_text,
        serves_both=carried is not None and carried.tokenizers.vocabularies == 1,
    )


def _choose_options(generation: PublishedGeneration, carried: Carried | None) -> dict[str, Any]:
    """The file's generation options, which of a checkpoint of ours says only what changed since."""
    if carried is None:
        return generation.options
    return follow_options(carried.description.generation, generation.options)


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

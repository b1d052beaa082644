"""Encoder-decoders that others published or that transformers alone saved: read into what our checkpoints are.

BART, mBART, T5, Marian and their kin, and `EncoderDecoderModel` folders without our description.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, EncoderDecoderConfig, GenerationConfig, PreTrainedConfig

from ..base.errors import CheckpointError
from ..families.configs import set_dropout
from ..families.table import find_family
from ..modeling.build import build_model
from ..modeling.encoder_decoder import set_special_tokens
from ..modeling.sharing import Sharing
from ..modeling.token_loss import TokenLossModel
from ..modeling.weights import WeightFiles
from ..text.framing import Framing, first_id
from ..text.published import OwnMarks, load_published_tokenizers
from ..text.tokenizers import TokenizerPair
from .published_weights import fill

# Called alike by transformers.
GENERATION_OPTIONS = ("num_beams", "length_penalty", "no_repeat_ngram_size", "repetition_penalty")
SAMPLING_OPTIONS = ("temperature", "top_k", "top_p")


@dataclass(frozen=True)
class Published:
    """What a published folder holds; the model is in evaluation mode, float32.

    generation: our generation options, as far as the folder has them.
    unused_tensors: tensors of the file that the model has no place for.
    shared: what the file shows to be shared between the sides, or None.
    """

    model: TokenLossModel
    tokenizers: TokenizerPair
    framing: Framing
    generation: dict
    unused_tensors: tuple[str, ...]
    shared: str | None


def read_published(
    folder: Path,
    *,
    source_language: str | None = None,
    target_language: str | None = None,
    dropout: float | None = None,
) -> Published:
    """Reads an encoder-decoder that others published, with the marks that its own tokenizer puts around texts.

    Args:
        source_language, target_language: codes such as en_XX, for tokenizers that mark languages.
        dropout: of all layers; None keeps the checkpoint's own.

    Raises:
        CheckpointError: it is no encoder-decoder, or its weights lack tensors.
        TokenizerError: it has no tokenizer that can be run here, or not these languages.
    """
    config, generation = _read_config(folder), _read_generation_config(folder)
    tokenizers, own = load_published_tokenizers(
        folder, source_language=source_language, target_language=target_language
    )
    framing = _derive_framing(folder, (generation, config), tokenizers, own, asked=target_language is not None)
    model = _build(folder, config, framing, dropout)
    _name_marks(tokenizers, framing, model.source_pad_id)
    unused, shared = fill(model, WeightFiles(str(folder), folder, CheckpointError))
    model.generation_config = generation
    marks = {"decoder_start_token_id": framing.begin_id, "eos_token_id": framing.end_id, "pad_token_id": framing.pad_id}
    if len(framing.target_prefix) == 1:
        marks["forced_bos_token_id"] = framing.target_prefix[0]
    model.generation_config.update(**marks)
    return Published(
        model.eval(), tokenizers, framing, read_generation_options(model.generation_config), unused, shared
    )


def _read_config(folder: Path) -> PreTrainedConfig:
    """The config of an encoder-decoder that writes text.

    Raises:
        CheckpointError: there is none, or it is of another kind.
    """
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, StrictDataclassError) as error:
        raise CheckpointError(f"{folder}: config.json cannot be read ({str(error).splitlines()[0]}).") from None
    if not config.is_encoder_decoder:
        raise CheckpointError(
            f"{folder} holds one model of type {config.model_type!r}, no encoder-decoder. To start one from it, name "
            "it as model.encoder or model.decoder of a recipe."
        )
    return config


def _derive_framing(
    folder: Path,
    configs: tuple[GenerationConfig, PreTrainedConfig],
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
    generation, config = configs
    target = tokenizers.target
    of_tokenizer = {
        "decoder_start_token_id": first_id(target, "bos_token", "cls_token"),
        "eos_token_id": first_id(target, "eos_token", "sep_token"),
        "pad_token_id": first_id(target, "pad_token"),
    }
    holders = (generation, config, getattr(config, "decoder", None))
    configured = {mark: _find_mark(mark, holders) for mark in of_tokenizer}
    configured["pad_token_id"] = _find_mark("pad_token_id", holders[::-1])  # RoBERTa counts positions from its own
    begin, end, pad = (of_tokenizer[mark] if value is None else value for mark, value in configured.items())
    forced, prefix = generation.forced_bos_token_id, own.target_prefix
    if own.marks_languages:
        # The language that mBART's tokenizer puts behind the end mark is what the decoder begins with.
        is_behind = len(own.target_suffix) > 1
        named = configured["decoder_start_token_id"] if is_behind else forced
        language = own.target_language if asked or named is None else named
        if language is None:
            raise CheckpointError(
                f"{folder}: the decoder begins with the target's language, and neither config nor tokenizer names one. "
                "Set model.target_language, or tgt_lang in tokenizer_config.json."
            )
        begin, prefix = (language, ()) if is_behind else (begin, (language,))
    if missing := [mark for mark, value in zip(of_tokenizer, (begin, end, pad), strict=True) if value is None]:
        raise CheckpointError(
            f"{folder}: neither config nor tokenizer gives {', '.join(missing)}. Add it to config.json."
        )
    if prefix[:1] == (begin,) and forced is None:
        prefix = prefix[1:]
    if isinstance(config, EncoderDecoderConfig) and find_family(config.encoder).bare_texts:
        return Framing(begin, end, pad)
    return Framing(begin, end, pad, own.source_prefix, own.source_suffix, prefix)


def _name_marks(tokenizers: TokenizerPair, framing: Framing, source_pad_id: int) -> None:
    """Lets the tokenizers know the model's marks for such, which the files of 2020 leave to the caller.

    Their own pad may stand beyond the model's tables.
    """
    target = tokenizers.target
    for role, mark in (("bos_token", framing.begin_id), ("eos_token", framing.end_id)):
        if mark not in target.all_special_ids:
            setattr(target, role, target.convert_ids_to_tokens(mark))
    for tokenizer, pad_id in ((tokenizers.source, source_pad_id), (target, framing.pad_id)):
        if tokenizer.pad_token_id != pad_id:
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(pad_id)


def _find_mark(mark: str, holders: Iterable[PreTrainedConfig | GenerationConfig | None]) -> int | None:
    """The first that is one id: generation configs may list several ends."""
    return next((value for holder in holders if isinstance(value := getattr(holder, mark, None), int)), None)


def _build(folder: Path, config: PreTrainedConfig, framing: Framing, dropout: float | None) -> TokenLossModel:
    """The model of a config, with random weights and the marks of the framing."""
    is_pair = isinstance(config, EncoderDecoderConfig)
    if dropout is not None:
        set_dropout(config, dropout)
    if is_pair:
        source_pad = config.encoder.pad_token_id
        set_special_tokens(
            config,
            begin_id=framing.begin_id,
            end_id=framing.end_id,
            pad_id=framing.pad_id,
            source_pad_id=framing.pad_id if source_pad is None else source_pad,
        )
    else:
        config.decoder_start_token_id, config.pad_token_id = framing.begin_id, framing.pad_id
    try:
        with torch.random.fork_rng(devices=[]):
            return build_model(config, Sharing(embeddings=False, layers=False))
    except ValueError as error:
        raise CheckpointError(f"{folder}: {error}. Expected an encoder-decoder such as BART, T5 or a pair.") from None


def _read_generation_config(folder: Path) -> GenerationConfig:
    """Of a file of its own or, as published before 2023, of config.json.

    Raises:
        CheckpointError: it cannot be read.
    """
    own = (folder / "generation_config.json").exists()
    further = {} if own else {"config_file_name": "config.json", "_from_model_config": True}
    try:
        return GenerationConfig.from_pretrained(str(folder), local_files_only=True, **further)
    except (OSError, ValueError, TypeError) as error:
        name = "generation_config.json" if own else "config.json"
        raise CheckpointError(f"{folder}: {name} cannot be read ({str(error).splitlines()[0]}).") from None


def read_generation_options(generation: GenerationConfig) -> dict:
    """Our generation options for what a published generation config says."""
    options = {name: value for name in GENERATION_OPTIONS if (value := getattr(generation, name, None)) is not None}
    if generation.do_sample and (options.get("num_beams") or 1) == 1:
        options |= {name: value for name in SAMPLING_OPTIONS if (value := getattr(generation, name)) is not None}
        options |= {"sampling": True, "num_beams": 1}
    # Lengths of transformers count the begin mark, but for those of new tokens.
    if (shortest := generation.min_new_tokens or (generation.min_length or 0) - 1) > 0:
        options["min_target_tokens"] = shortest
    longest = generation.max_new_tokens or (generation.max_length or 0) - 1
    return options | ({"max_target_tokens": longest} if longest > 20 else {})  # 20 is transformers' own default

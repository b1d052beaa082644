"""Encoder-decoders that others published or that transformers alone saved: read into what our checkpoints are.

BART, mBART, T5, Marian and their kin, and `EncoderDecoderModel` folders without our description, among them those that
transformers 4 saved shared, with the parameters of one side missing in the file.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, GenerationConfig, PreTrainedConfig

from ..errors import CheckpointError
from ..modeling.encoder_decoder import Seq2SeqModel, set_special_tokens
from ..modeling.families import set_dropout
from ..modeling.native import build_model
from ..modeling.sharing import Sharing
from ..modeling.token_loss import TokenLossModel
from ..modeling.weights import WeightFiles
from ..text.framing import Framing, first_id
from ..text.published import OwnMarks, load_published_tokenizers
from ..text.tokenizers import TokenizerPair

GENERATION_OPTIONS = ("num_beams", "length_penalty", "no_repeat_ngram_size")  # called alike by transformers


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
    unused, shared = _fill(model, WeightFiles(str(folder), folder, CheckpointError))
    model.generation_config = generation
    marks = {"decoder_start_token_id": framing.begin_id, "eos_token_id": framing.end_id, "pad_token_id": framing.pad_id}
    if len(framing.target_prefix) == 1:
        marks["forced_bos_token_id"] = framing.target_prefix[0]
    model.generation_config.update(**marks)
    return Published(model.eval(), tokenizers, framing, _translate(model.generation_config), unused, shared)


def _read_config(folder: Path) -> PreTrainedConfig:
    """The config of an encoder-decoder that writes text.

    Raises:
        CheckpointError: there is none, or it is of another kind.
    """
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
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
    configured = {
        mark: next((value for holder in holders if isinstance(value := getattr(holder, mark, None), int)), None)
        for mark in of_tokenizer
    }
    begin, end, pad = (of_tokenizer[mark] if value is None else value for mark, value in configured.items())
    forced, prefix = generation.forced_bos_token_id, own.target_prefix
    if own.marks_languages:
        is_behind = (
            len(own.target_suffix) > 1
        )  # mBART: the language behind the end mark is what the decoder begins with
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
    if _is_bert_generation(config):
        return Framing(begin, end, pad)
    return Framing(begin, end, pad, own.source_prefix, own.source_suffix, prefix)


def _is_bert_generation(config: PreTrainedConfig) -> bool:
    return config.model_type == "encoder-decoder" and config.encoder.model_type == "bert-generation"


def _build(folder: Path, config: PreTrainedConfig, framing: Framing, dropout: float | None) -> TokenLossModel:
    """The model of a config, with random weights and the marks of the framing."""
    is_pair = config.model_type == "encoder-decoder"
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


def _fill(model: TokenLossModel, weights: WeightFiles) -> tuple[tuple[str, ...], str | None]:
    """Copies published weights into a model; makes shared again what the file shows to be shared.

    Returns:
        The tensors without use, and what was found shared, or None.

    Raises:
        CheckpointError: tensors are missing, and no other side has them.
    """
    state, found = model.state_dict(), weights.find_names()
    ignorable = re.compile("|".join(getattr(model, "_keys_to_ignore_on_load_missing", None) or ["$^"]))
    prefix = f"{model.base_model_prefix}."
    names = {}
    for name in state:
        candidates = (name, name.removeprefix(prefix), prefix + name)
        names[name] = next((found[candidate] for candidate in candidates if candidate in found), None)
    for name, first in model.all_tied_weights_keys.items():
        names[first] = names[first] or names[name]  # a file may hold a tied tensor under either name
    shared = _restore_sharing(model, weights, names) if isinstance(model, Seq2SeqModel) else None
    tied = model.tied_names
    missing = [name for name, file_name in names.items() if file_name is None and name not in tied]
    missing = [name for name in missing if not ignorable.search(name)]
    if missing:
        raise CheckpointError(
            f"{weights.folder}: {len(missing)} tensors are not in the weights: {', '.join(missing[:10])} (found "
            f"{len(found)}: {', '.join(sorted(found)[:3])} ...). Weights and config.json do not belong together."
        )
    for name, file_name in names.items():
        if file_name is None or name in tied:
            continue
        value = weights.load(file_name)
        if value.shape != state[name].shape:
            raise CheckpointError(
                f"{weights.folder}: tensor {file_name} has shape {tuple(value.shape)}, config.json asks for "
                f"{tuple(state[name].shape)}. Weights and config.json do not belong together."
            )
        state[name].copy_(value)
    return tuple(sorted(set(weights.files) - set(names.values()))), shared


def _restore_sharing(model: Seq2SeqModel, weights: WeightFiles, names: dict[str, str | None]) -> str | None:
    """Makes one what version 4 saved once: the layers of both sides, or the embedding table alone."""
    body = f"decoder.{model.decoder.base_model_prefix}."
    pairs = [(name, body + name.removeprefix("encoder.")) for name in names if name.startswith("encoder.")]
    if any(second not in names for _, second in pairs):
        return None  # sides of different families or depths share nothing
    lacking = [pair for pair in pairs if None in (names[pair[0]], names[pair[1]])]
    table = next(pair for pair in pairs if model.get_parameter(pair[0]) is model.get_input_embeddings().weight)
    is_marked = bool(lacking) or getattr(model.config, "tie_encoder_decoder", False)
    layers = is_marked and lacking != [table] and all(_hold_the_same(weights, names, *pair) for pair in pairs)
    if not layers and not _hold_the_same(weights, names, *table):
        return None
    for first, second in pairs if layers else [table]:
        names[first] = names[second] = names[first] or names[second]
    model.sharing = Sharing(embeddings=True, layers=layers)
    model.tie_weights()
    return "the layers of both sides" if layers else "the embedding tables of both sides"


def _hold_the_same(weights: WeightFiles, names: dict[str, str | None], first: str, second: str) -> bool:
    """Whether two names stand for equal tensors; one that the file lacks stands for the other."""
    if names[first] is None or names[second] is None:
        return names[first] is not names[second]
    one, other = weights.load(names[first]), weights.load(names[second])
    return one.shape == other.shape and torch.equal(one, other)


def _read_generation_config(folder: Path) -> GenerationConfig:
    """Of a file of its own or, as published before 2023, of config.json."""
    if (folder / "generation_config.json").exists():
        return GenerationConfig.from_pretrained(str(folder), local_files_only=True)
    return GenerationConfig.from_pretrained(
        str(folder), config_file_name="config.json", local_files_only=True, _from_model_config=True
    )


def _translate(generation: GenerationConfig) -> dict:
    """Our generation options for what a published generation config says."""
    options = {name: value for name in GENERATION_OPTIONS if (value := getattr(generation, name, None)) is not None}
    longest = generation.max_new_tokens or (generation.max_length or 0) - 1
    return options | ({"max_target_tokens": longest} if longest > 20 else {})  # 20 is transformers' own default

"""Weights of published encoder-decoders into a model: names with and without prefix, tied and shared tensors.

Makes shared again what transformers 4 saved shared, with the parameters of one side missing in the file.
"""

import re
from dataclasses import dataclass

import torch
from torch import nn

from ..base.errors import CheckpointError
from ..modeling.encoder_decoder import Seq2SeqModel
from ..modeling.sharing import Sharing
from ..modeling.token_loss import TokenLossModel
from ..modeling.weights import WeightFiles

FileNames = dict[
    str, str | None
]  # the tensor of the file for each tensor of the model, by name; None where it has none
Pair = tuple[str, str]  # names of what encoder and decoder have in common


@dataclass(frozen=True)
class Filling:
    """What came of the weights besides a model.

    unused_tensors: tensors of the file that the model has no place for.
    shared: what the file was saved with as one, or None.
    """

    unused_tensors: tuple[str, ...]
    shared: str | None


def fill(model: TokenLossModel, weights: WeightFiles, marked: Sharing | None = None) -> Filling:
    """Copies published weights into a model; makes shared again what the file shows to be shared.

    Args:
        marked: what the model shared when it was trained, where that is known; it still does where the values agree.

    Raises:
        CheckpointError: tensors are missing, and no other side has them, are not what config.json asks for, or hold
            numbers that are not finite.
    """
    names = _map_names(model, weights)
    # Before names are joined: of two equal tensors of the file that become one, neither is without use.
    unused = set(weights.files).difference(names.values())
    _join_tied(model, weights, names)
    shared = None
    if isinstance(model, Seq2SeqModel):
        shared = _restore_sharing(model, weights, names, marked or _read_marked(model))
    for name in model.tied_names:  # the tensors that they are tied to are filled
        names.pop(name, None)
    _check_complete(model, weights, names)
    _copy(model, weights, names)
    return Filling(tuple(sorted(unused)), shared)


def _map_names(model: TokenLossModel, weights: WeightFiles) -> FileNames:
    """Files are saved from the model with its output layer, whose names have a prefix, or from the one without."""
    in_file = weights.map_names()
    prefix = f"{model.base_model_prefix}."
    names: FileNames = {}
    for name in model.state_dict():
        names[name] = None
        for spelling in (name, name.removeprefix(prefix), prefix + name):
            if spelling in in_file:
                names[name] = in_file[spelling]
                break
    return names


def _copy(model: TokenLossModel, weights: WeightFiles, names: FileNames) -> None:
    state = model.state_dict()  # only now: tying gives tensors new memory
    buffers = dict(model.named_buffers())
    for name, file_name in names.items():
        if file_name is None:  # the model computes it itself
            continue
        value = weights.load(file_name, may_mask=name in buffers)
        if value.shape != state[name].shape:
            raise CheckpointError(
                f"{weights.folder}: tensor {file_name} has shape {tuple(value.shape)}, config.json asks for "
                f"{tuple(state[name].shape)}. Weights and config.json do not belong together."
            )
        state[name].copy_(value)


def _join_tied(model: TokenLossModel, weights: WeightFiles, names: FileNames) -> None:
    """Gives tied names one tensor of the file, which may hold it under either name or both.

    Raises:
        CheckpointError: the file holds different values for what config.json ties.
    """
    for name, first in model.all_tied_weights_keys.items():
        is_in_file_twice = None not in (names[name], names[first])
        if is_in_file_twice and not _hold_the_same(weights, names, (name, first)):
            raise CheckpointError(
                f"{weights.folder}: config.json ties {name} to {first}, but their values differ in the weights. "
                "Set tie_word_embeddings to false in config.json."
            )
        names[first] = names[first] or names[name]


def _check_complete(
    model: TokenLossModel,
    weights: WeightFiles,
    names: FileNames,
) -> None:
    """Makes sure that the file has every tensor but those that the model computes itself.

    Raises:
        CheckpointError: naming the first that are missing.
    """
    patterns = getattr(model, "_keys_to_ignore_on_load_missing", None) or ["$^"]  # which no name matches
    computed = re.compile("|".join(patterns))
    lacking = [name for name, file_name in names.items() if file_name is None]
    missing = [name for name in lacking if not computed.search(name)]
    if missing:
        first_missing = ", ".join(missing[:10])
        first_present = ", ".join(sorted(weights.files)[:3])
        raise CheckpointError(
            f"{weights.folder}: {len(missing)} tensors are not in the weights: {first_missing} (found "
            f"{len(weights.files)}: {first_present} ...). Weights and config.json do not belong together."
        )


def _restore_sharing(
    model: Seq2SeqModel,
    weights: WeightFiles,
    names: FileNames,
    marked: Sharing,
) -> str | None:
    """Makes one what version 4 saved once, or is marked so: the layers of both sides, or the embedding table alone."""
    table = _find_tables(model)
    layers = _list_layer_pairs(model, names)
    are_layers_shared = _are_layers_shared(weights, names, layers, table, marked)
    is_table_marked = marked.embeddings or _is_lacking(names, table)
    if are_layers_shared:
        shared = layers
    elif is_table_marked and _hold_the_same(weights, names, table):
        shared = [table]
    else:
        return None
    for pair in shared:
        _join(names, pair)
    model.sharing = Sharing(embeddings=True, layers=are_layers_shared)
    model.tie_weights()
    return "the layers of both sides" if are_layers_shared else "the embedding tables of both sides"


def _read_marked(model: Seq2SeqModel) -> Sharing:
    """What the config of version 4 says to be shared; of an embedding table alone it knows nothing."""
    return Sharing(embeddings=False, layers=getattr(model.config, "tie_encoder_decoder", False))


def _list_layer_pairs(model: Seq2SeqModel, names: FileNames) -> list[Pair]:
    """Every tensor of the encoder, and what the decoder would call the same one."""
    # A decoder with its `lm_head` keeps its layers in a body, an encoder is one.
    body = f"decoder.{model.decoder.base_model_prefix}."
    of_encoder = [name for name in names if name.startswith("encoder.")]
    return [(name, body + name.removeprefix("encoder.")) for name in of_encoder]


def _are_layers_shared(
    weights: WeightFiles,
    names: FileNames,
    layers: list[Pair],
    table: Pair,
    marked: Sharing,
) -> bool:
    """Whether the file lacks layers of one side, or they are marked as shared, and no values speak against it.

    Equal values under both names show nothing unless they are marked: sides fresh from one checkpoint have them.
    """
    lacking = [pair for pair in layers if pair != table and _is_lacking(names, pair)]
    if not marked.layers and not lacking:
        return False
    return all(pair[1] in names and _hold_the_same(weights, names, pair) for pair in layers)


def _is_lacking(names: FileNames, pair: Pair) -> bool:
    """Whether the file has a tensor of one side alone, or of none."""
    first, second = pair
    return names[first] is None or names.get(second) is None


def _join(names: FileNames, pair: Pair) -> None:
    """Gives both sides the tensor that the file has."""
    first, second = pair
    file_name = names[first] or names[second]
    names[first] = file_name
    names[second] = file_name


def _find_tables(model: Seq2SeqModel) -> Pair:
    """The names of the embedding tables of encoder and decoder, not those of a tied output layer, which files lack."""
    names: dict[nn.Parameter, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if name not in model.tied_names:
            names.setdefault(parameter, name)
    encoder_table = model.encoder.get_input_embeddings().weight
    decoder_table = model.decoder.get_input_embeddings().weight
    return names[encoder_table], names[decoder_table]


def _hold_the_same(weights: WeightFiles, names: FileNames, pair: Pair) -> bool:
    """Whether two names stand for equal tensors; one that the file lacks stands for the other."""
    first = names[pair[0]]
    second = names[pair[1]]
    if first is None or second is None:
        return first is not second
    one = weights.load(first)
    other = weights.load(second)
    return one.shape == other.shape and torch.equal(one, other)

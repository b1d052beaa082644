"""Weights of published encoder-decoders into a model: names with and without prefix, tied and shared tensors.

Makes shared again what transformers 4 saved shared, with the parameters of one side missing in the file.
"""

import re

import torch

from ..base.errors import CheckpointError
from ..modeling.encoder_decoder import Seq2SeqModel
from ..modeling.sharing import Sharing
from ..modeling.token_loss import TokenLossModel
from ..modeling.weights import WeightFiles


def fill(model: TokenLossModel, weights: WeightFiles) -> tuple[tuple[str, ...], str | None]:
    """Copies published weights into a model; makes shared again what the file shows to be shared.

    Returns:
        The tensors without use, and what was found shared, or None.

    Raises:
        CheckpointError: tensors are missing, and no other side has them, or they are not what config.json asks for.
    """
    found = weights.map_names()
    prefix = f"{model.base_model_prefix}."
    names = {}
    for name in model.state_dict():
        candidates = (name, name.removeprefix(prefix), prefix + name)
        names[name] = next((found[candidate] for candidate in candidates if candidate in found), None)
    unused = tuple(sorted(set(weights.files) - set(names.values())))
    _join_tied(model, weights, names)
    shared = _restore_sharing(model, weights, names) if isinstance(model, Seq2SeqModel) else None
    wanted = {name: file_name for name, file_name in names.items() if name not in model.tied_names}
    _check_complete(model, weights, wanted)
    state = model.state_dict()  # only now: tying gives tensors new memory
    for name, file_name in wanted.items():
        if file_name is None:
            continue
        value = weights.load(file_name)
        if value.shape != state[name].shape:
            raise CheckpointError(
                f"{weights.folder}: tensor {file_name} has shape {tuple(value.shape)}, config.json asks for "
                f"{tuple(state[name].shape)}. Weights and config.json do not belong together."
            )
        state[name].copy_(value)
    return unused, shared


def _join_tied(model: TokenLossModel, weights: WeightFiles, names: dict[str, str | None]) -> None:
    """Gives tied names one tensor of the file, which may hold it under either name or both.

    Raises:
        CheckpointError: the file holds different values for what config.json ties.
    """
    for name, first in model.all_tied_weights_keys.items():
        if None not in (names[name], names[first]) and not _hold_the_same(weights, names, name, first):
            raise CheckpointError(
                f"{weights.folder}: config.json ties {name} to {first}, but their values differ in the weights. "
                "Set tie_word_embeddings to false in config.json."
            )
        names[first] = names[first] or names[name]


def _check_complete(model: TokenLossModel, weights: WeightFiles, wanted: dict[str, str | None]) -> None:
    """Makes sure that the file has every tensor but those that the model computes itself.

    Raises:
        CheckpointError: naming the first that are missing.
    """
    computed = re.compile("|".join(getattr(model, "_keys_to_ignore_on_load_missing", None) or ["$^"]))
    missing = [name for name, file_name in wanted.items() if file_name is None and not computed.search(name)]
    if missing:
        found = sorted(weights.files)
        raise CheckpointError(
            f"{weights.folder}: {len(missing)} tensors are not in the weights: {', '.join(missing[:10])} (found "
            f"{len(found)}: {', '.join(found[:3])} ...). Weights and config.json do not belong together."
        )


def _restore_sharing(model: Seq2SeqModel, weights: WeightFiles, names: dict[str, str | None]) -> str | None:
    """Makes one what version 4 saved once: the layers of both sides, or the embedding table alone.

    Equal values under both names show nothing unless config.json says so: sides fresh from one checkpoint have them.
    """
    body = f"decoder.{model.decoder.base_model_prefix}."
    pairs = [(name, body + name.removeprefix("encoder.")) for name in names if name.startswith("encoder.")]
    table = _find_tables(model)
    is_marked = getattr(model.config, "tie_encoder_decoder", False)
    lacking = [pair for pair in {*pairs, table} if None in (names[pair[0]], names.get(pair[1]))]
    layers = is_marked or lacking not in ([], [table])
    layers = layers and all(
        second in names and _hold_the_same(weights, names, first, second) for first, second in pairs
    )
    if not layers and not (table in lacking and _hold_the_same(weights, names, *table)):
        return None
    for first, second in pairs if layers else [table]:
        names[first] = names[second] = names[first] or names[second]
    model.sharing = Sharing(embeddings=True, layers=layers)
    model.tie_weights()
    return "the layers of both sides" if layers else "the embedding tables of both sides"


def _find_tables(model: Seq2SeqModel) -> tuple[str, str]:
    """The names of the embedding tables of encoder and decoder."""
    tables = [side.get_input_embeddings().weight for side in (model.encoder, model.decoder)]
    parameters = list(model.named_parameters(remove_duplicate=False))
    first, second = (next(name for name, parameter in parameters if parameter is table) for table in tables)
    return first, second


def _hold_the_same(weights: WeightFiles, names: dict[str, str | None], first: str, second: str) -> bool:
    """Whether two names stand for equal tensors; one that the file lacks stands for the other."""
    if names[first] is None or names[second] is None:
        return names[first] is not names[second]
    one, other = weights.load(names[first]), weights.load(names[second])
    return one.shape == other.shape and torch.equal(one, other)

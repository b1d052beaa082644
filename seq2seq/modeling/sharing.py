"""Sharing: which parameters several parts of a model use together, and how they are made one.

Parameters are shared, never modules: a decoder that ran the encoder's attention module would see the future.
"""

from dataclasses import asdict, dataclass

from torch import nn
from transformers import PreTrainedModel


@dataclass(frozen=True)
class Sharing:
    """What the encoder gives to the decoder.

    embeddings: one table for encoder, decoder and output layer.
    layers: every other encoder parameter too (BERTShare); the decoder keeps only its cross-attention for itself.
    """

    embeddings: bool
    layers: bool

    def to_dict(self) -> dict[str, bool]:
        return asdict(self)


def apply_sharing(
    encoder: PreTrainedModel,
    decoder: PreTrainedModel,
    sharing: Sharing,
) -> None:
    """Puts the encoder's parameters in place of the decoder's; a tied output layer follows the decoder's table."""
    body = decoder.base_model
    if sharing.embeddings:
        body.get_input_embeddings().weight = encoder.get_input_embeddings().weight
    if sharing.layers:
        # By hand: transformers 5 takes tie_encoder_decoder=True and shares nothing.
        for name, parameter in encoder.named_parameters():
            set_parameter(body, name, parameter)
    if decoder.config.tie_word_embeddings:
        decoder.get_output_embeddings().weight = body.get_input_embeddings().weight


def set_parameter(
    module: nn.Module,
    name: str,
    parameter: nn.Parameter,
) -> None:
    """Replaces the parameter at a dotted name."""
    *path, last = name.split(".")
    setattr(module.get_submodule(".".join(path)), last, parameter)


def map_shared_names(model: nn.Module) -> dict[str, str]:
    """Every further name of a parameter mapped to its first one: in the order of the modules, tied output layers last.

    Example: {'decoder.lm_head.decoder.weight': 'encoder.embeddings.word_embeddings.weight', ...}
    """
    first: dict[int, str] = {}
    further: dict[str, str] = {}
    tied = getattr(model, "tied_names", ())
    named = list(model.named_parameters(remove_duplicate=False))
    # Stable: among the tied, and among the others, the order of the modules stays.
    named.sort(key=lambda item: item[0] in tied)
    for name, parameter in named:
        if id(parameter) in first:
            further[name] = first[id(parameter)]
        else:
            first[id(parameter)] = name
    return further


def list_trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that require gradient by their names; a shared one once, by its first."""
    further = map_shared_names(model)
    return {
        name: parameter
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if parameter.requires_grad and name not in further
    }

"""How the encoder-decoder attention starts, which no encoder or language model has: random, copied or silent."""

from dataclasses import replace

import torch

from ..base.errors import WarmStartError
from ..families.family import CrossAttention, Partner
from ..families.table import find_family
from ..modeling.encoder_decoder import Seq2SeqModel
from ..modeling.parts import map_parts
from ..modeling.sharing import map_shared_names
from .options import CrossAttentionStart
from .sides import Written


def start_cross_attention(model: Seq2SeqModel, start: CrossAttentionStart, written: Written) -> dict[str, str]:
    """Sets the encoder-decoder attention as asked; records what was copied in `written`; gives notes by parameter.

    random: as the model drew it. copied: from the self-attention of the same decoder layer, its norm included. silent:
    as drawn, but with a zero output projection, so that the source has no say at first.

    Raises:
        WarmStartError: the decoder's family is not known, its row lacks a part, or `copied` meets a random decoder.
    """
    if start == "random":
        return {}
    known = find_family(model.decoder.config).cross_attention
    if known is None:
        raise WarmStartError(
            f"model.cross_attention: where a {model.decoder.config.model_type} decoder keeps its attention is not "
            f"known, so it cannot start {start}. Leave it at random."
        )
    in_decoder = {name: part for name, part in map_parts(model).items() if name.startswith("decoder.")}
    names = [name for name, part in in_decoder.items() if part == "cross_attention"]
    if start == "copied":
        first_names = map_shared_names(model)
        notes = {}
        for name in names:
            partner = find_partner(known, name)
            notes[name] = _copy(model, name, partner, first_names, written)
        return notes
    return _silence(model, names, known)


def find_partner(known: CrossAttention, name: str) -> Partner:
    """The part of the attention to the source that a parameter is in, with its like in the self-attention.

    Raises:
        WarmStartError: the family's row names none.
    """
    for partner in known.partners:
        if f".{partner.name}." in name:
            return partner
    raise WarmStartError(
        f"model.cross_attention: {name} is in none of the parts that its family's row lists "
        f"({', '.join(partner.name for partner in known.partners)}). Add it to Family.cross_attention.partners."
    )


def _copy(
    model: Seq2SeqModel,
    name: str,
    partner: Partner,
    first_names: dict[str, str],
    written: Written,
) -> str:
    """Copies one parameter from the self-attention of its layer."""
    like = partner.rename(name)
    first_name = first_names.get(like, like)
    if first_name not in written:
        raise WarmStartError(
            "model.cross_attention: copied takes the numbers of the decoder's self-attention, which this plan draws at "
            "random. Choose a plan with a warm decoder, or random."
        )
    checkpoint, tensor = written[first_name]
    value = tensor.value
    changes = tensor.changes
    if partner.columns is not None:
        # One matrix holds query, key and value side by side, each as wide as the states.
        width = model.decoder.config.hidden_size
        first, end = partner.columns
        value = value[..., first * width : end * width]
        changes = (*changes, partner.note)
    with torch.no_grad():
        model.get_parameter(name).copy_(value)
    copied = replace(
        tensor,
        name=name,
        value=value,
        changes=changes,
    )
    written[name] = (checkpoint, copied)
    return "from the self-attention of its layer"


def _silence(
    model: Seq2SeqModel,
    names: list[str],
    known: CrossAttention,
) -> dict[str, str]:
    """Zeroes the output projections; the norm behind them, in a post-norm layer, is set to change little."""
    notes = {}
    with torch.no_grad():
        for name in names:
            if f".{known.output}." in name:
                model.get_parameter(name).zero_()
                notes[name] = "zeros: a silent output"
            elif known.norm is not None and name.endswith(f".{known.norm}.weight"):
                partner = find_partner(known, name)
                before = partner.rename(name).removesuffix("weight")
                weight, bias = _invert_norm(model, before)
                bias_name = name.removesuffix("weight") + "bias"
                model.get_parameter(name).fill_(weight)
                model.get_parameter(bias_name).fill_(bias)
                notes[name] = "set to give back the norm before it"
                notes[bias_name] = notes[name]
    return notes


def _invert_norm(model: Seq2SeqModel, before: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias, one number each, with which a second layer norm gives back about what the one before gave.

    The first gives w z + b with z of mean 0 and variance 1 over the features; its mean is about that of b, and its
    variance that of b plus the mean of w squared.
    """
    weight = model.get_parameter(f"{before}weight")
    bias = model.get_parameter(f"{before}bias")
    variance = weight.square().mean() + bias.var(unbiased=False)
    return variance.sqrt(), bias.mean()

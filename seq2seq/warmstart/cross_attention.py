"""How the encoder-decoder attention starts, which no encoder or language model has: random, copied or silent."""

from dataclasses import replace

import torch

from ..base.errors import WarmStartError
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
        WarmStartError: the decoder's family is not known, or `copied` meets a random decoder.
    """
    if start == "random":
        return {}
    family = find_family(model.decoder.config)
    if family is None or family.cross_attention is None:
        raise WarmStartError(
            f"model.cross_attention: where a {model.decoder.config.model_type} decoder keeps its attention is not "
            f"known, so it cannot start {start}. Leave it at random."
        )
    names = [name for name, part in map_parts(model).items() if part == "cross_attention"]
    names = [name for name in names if name.startswith("decoder.")]
    if start == "copied":
        first_names = map_shared_names(model)
        return {name: _copy(model, name, first_names, written) for name in names}
    return _silence(model, names)


def _copy(model: Seq2SeqModel, name: str, first_names: dict[str, str], written: Written) -> str:
    """Copies one parameter from the self-attention of its layer."""
    partner = name.replace(".crossattention.q_attn.", ".attn.c_attn.").replace(".ln_cross_attn.", ".ln_1.")
    partner = partner.replace(".crossattention.c_", ".attn.c_").replace(".crossattention.", ".attention.")
    first = first_names.get(partner, partner)
    if first not in written:
        raise WarmStartError(
            "model.cross_attention: copied takes the numbers of the decoder's self-attention, which this plan draws at "
            "random. Choose a plan with a warm decoder, or random."
        )
    source, tensor = written[first]
    value, changes = tensor.value, tensor.changes
    width = model.decoder.config.hidden_size
    # GPT-2 keeps query, key and value of the self-attention in one matrix, and two of them apart in the other.
    if ".crossattention.q_attn." in name:
        value, changes = value[..., :width], (*changes, "the query's columns")
    elif ".crossattention.c_attn." in name:
        value, changes = value[..., width:], (*changes, "the columns of key and value")
    with torch.no_grad():
        model.get_parameter(name).copy_(value)
    written[name] = (source, replace(tensor, name=name, value=value, changes=changes))
    return "from the self-attention of its layer"


def _silence(model: Seq2SeqModel, names: list[str]) -> dict[str, str]:
    """Zeroes the output projections; the norm behind them, in a post-norm layer, is set to change little."""
    notes = {}
    with torch.no_grad():
        for name in names:
            if ".crossattention.output.dense." in name or ".crossattention.c_proj." in name:
                model.get_parameter(name).zero_()
                notes[name] = "zeros: a silent output"
            elif name.endswith(".crossattention.output.LayerNorm.weight"):
                weight, bias = _invert_norm(model, name.removesuffix("weight"))
                model.get_parameter(name).fill_(weight)
                model.get_parameter(name.removesuffix("weight") + "bias").fill_(bias)
                notes[name] = notes[name.removesuffix("weight") + "bias"] = "set to give back the norm before it"
    return notes


def _invert_norm(model: Seq2SeqModel, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias, one number each, with which a second layer norm gives back about what the first one gave.

    The first gives w z + b with z of mean 0 and variance 1 over the features; its mean is about that of b, and its
    variance that of b plus the mean of w squared.
    """
    before = name.replace(".crossattention.", ".attention.")
    weight, bias = model.get_parameter(f"{before}weight"), model.get_parameter(f"{before}bias")
    return (weight.square().mean() + bias.var(unbiased=False)).sqrt(), bias.mean()

"""The parts of a model that a parameter can belong to, as reports, learning rates and counts name them."""

from typing import Literal

from torch import nn
from transformers import PreTrainedModel

from ..families.family import Family
from ..families.table import find_family, list_side_configs

Part = Literal["embeddings", "encoder", "decoder", "cross_attention", "output"]


def find_sides(model: PreTrainedModel) -> tuple[str, str]:
    """Where a model keeps its encoder and the body of its decoder, as prefixes of parameter names with a dot."""
    paths = {id(module): name for name, module in model.named_modules()}
    decoder = model.get_decoder()
    # The decoder of an encoder-decoder of two checkpoints is a language model, a body with its LM head; FSMT's is none.
    has_lm_head = isinstance(decoder, PreTrainedModel) and decoder.get_output_embeddings() is not None
    body = decoder.base_model if has_lm_head else decoder
    encoder_path = paths[id(model.get_encoder())]
    body_path = paths[id(body)]
    return f"{encoder_path}.", f"{body_path}."


def find_table(side: nn.Module) -> nn.Embedding:
    """The embeddings that an encoder or decoder reads tokens by."""
    if isinstance(side, PreTrainedModel):
        return side.get_input_embeddings()
    return side.embed_tokens  # type: ignore[return-value]  # FSMT's sides are no models of their own


def find_side_families(model: PreTrainedModel) -> tuple[Family, Family]:
    """What is known of the families of encoder and decoder: one twice where they are published whole."""
    configs = list_side_configs(model.config)
    return find_family(configs[0]), find_family(configs[-1])


def find_cross_marks(model: PreTrainedModel) -> tuple[str, ...]:
    """What the names of all that attends to the source have in them, with its norms: ('.crossattention.', ...)."""
    of_encoder, of_decoder = find_side_families(model)
    names = of_encoder.attention.cross + of_decoder.attention.cross
    return tuple(f".{name}." for name in names)


def map_parts(model: PreTrainedModel) -> dict[str, Part]:
    """The part of every parameter name, further names of shared parameters included.

    Embeddings are the tables of words alone; positions count to their side. The projection of source states to the
    decoder's width counts to the cross-attention.
    """
    encoder, decoder = find_sides(model)
    decoder_body = model.get_submodule(decoder.removesuffix("."))
    sides = (model.get_encoder(), decoder_body, model)
    tables = {id(find_table(side).weight) for side in sides}
    marks = find_cross_marks(model)
    parts: dict[str, Part] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        is_cross = name.startswith("enc_to_dec_proj.") or any(mark in name for mark in marks)
        # A tied output layer is the table by another name, and goes by where it stands.
        is_table = id(parameter) in tables and name not in model.all_tied_weights_keys
        if is_cross:
            parts[name] = "cross_attention"
        elif is_table:
            parts[name] = "embeddings"
        elif name.startswith(encoder):
            parts[name] = "encoder"
        elif name.startswith(decoder):
            parts[name] = "decoder"
        else:
            parts[name] = "output"
    return parts

"""The parts of a model that a parameter can belong to, as reports, learning rates and counts name them."""

from typing import Literal

from transformers import EncoderDecoderModel

Part = Literal["embeddings", "encoder", "decoder", "cross_attention", "output"]
# How families name the attention of a decoder layer to the source, with its norm and query, key and value.
CROSS_ATTENTION_NAMES = (".crossattention.", ".ln_cross_attn.", ".encoder_attn.", ".encoder_attn_layer_norm.")


def find_parts(model: EncoderDecoderModel) -> dict[str, Part]:
    """The part of every parameter name, further names of shared parameters included.

    Embeddings are the tables of words alone; positions count to their side. The projection of source states to the
    decoder's width counts to the cross-attention.
    """
    body = f"decoder.{model.decoder.base_model_prefix}."
    tables = {id(side.get_input_embeddings().weight) for side in (model.encoder, model.decoder)}
    parts: dict[str, Part] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if name.startswith("decoder.") and not name.startswith(body):
            parts[name] = "output"
        elif id(parameter) in tables:
            parts[name] = "embeddings"
        elif name.startswith("enc_to_dec_proj.") or any(mark in name for mark in CROSS_ATTENTION_NAMES):
            parts[name] = "cross_attention"
        else:
            parts[name] = "encoder" if name.startswith("encoder.") else "decoder"
    return parts

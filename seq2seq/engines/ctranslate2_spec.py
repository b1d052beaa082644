"""A pair's weights in the layout of CTranslate2: BertGeneration encoders with BertGeneration or GPT-2 decoders.

CTranslate2 (https://github.com/OpenNMT/CTranslate2) has Transformer layers with the norm before or behind, learned
positions and GELU, which is what these families are. It is imported inside functions: an optional library.
"""

from typing import TYPE_CHECKING, Any

import numpy
import torch
from torch import nn
from transformers import PreTrainedTokenizerFast
from transformers.pytorch_utils import Conv1D

from ..base.errors import ExportError
from ..modeling.encoder_decoder import Seq2SeqModel
from ..modeling.token_loss import TokenLossModel
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair

if TYPE_CHECKING:
    from ctranslate2.specs import TransformerSpec
    from ctranslate2.specs.common_spec import LayerNormSpec, LinearSpec
    from ctranslate2.specs.transformer_spec import TransformerDecoderSpec, TransformerEncoderSpec

ENCODERS = ("bert-generation",)
DECODERS = ("bert-generation", "gpt2")
# transformers' names of activations that CTranslate2 computes alike, by its own names.
ACTIVATIONS = {"gelu": "GELU", "gelu_new": "GELUTanh", "gelu_pytorch_tanh": "GELUTanh", "relu": "RELU", "silu": "SWISH"}


def build_spec(model: TokenLossModel, tokenizers: TokenizerPair, framing: Framing) -> "TransformerSpec":
    """The model with its vocabularies, float32.

    Raises:
        ExportError: it is of families or has settings that CTranslate2 cannot compute; all of them are named.
    """
    from ctranslate2.specs import TransformerSpec

    _check(model)
    spec = TransformerSpec(_build_encoder(model.encoder), _build_decoder(model))
    source = list_tokens(tokenizers.source, model.encoder.get_input_embeddings().num_embeddings)
    target = list_tokens(tokenizers.target, model.decoder.get_input_embeddings().num_embeddings)
    spec.register_source_vocabulary(source)
    spec.register_target_vocabulary(target)
    spec.config.decoder_start_token = spec.config.bos_token = target[framing.begin_id]
    spec.config.eos_token = target[framing.end_id]
    unknown = tokenizers.target.unk_token_id
    spec.config.unk_token = target[framing.end_id if unknown is None else unknown]
    # One number for both sides; where they differ, the check of equality tells whether it matters. The smaller one does
    # less harm: GPT-2's states, before a norm, vary far more than BERT's embeddings.
    spec.config.layer_norm_epsilon = min(_read_epsilon(side.config) for side in (model.encoder, model.decoder))
    return spec


def list_tokens(tokenizer: PreTrainedTokenizerFast, rows: int) -> list[str]:
    """The token of each row of an embedding table; rows beyond the vocabulary get names of their own.

    Example: tokens [PAD] 0 and a 2 of three rows -> ['[PAD]', '<row 1>', 'a']
    """
    tokens = [f"<row {row}>" for row in range(rows)]
    for token, row in tokenizer.get_vocab().items():
        tokens[row] = token
    return tokens


def _check(model: TokenLossModel) -> None:
    if not isinstance(model, Seq2SeqModel):
        raise ExportError(
            f"a {model.config.model_type} published whole has a converter of CTranslate2's own: "
            "ct2-transformers-converter, for folders of plain transformers (--format transformers writes one). Here "
            "pairs are exported."
        )
    found = []
    for name, side, families in (("encoder", model.encoder, ENCODERS), ("decoder", model.decoder, DECODERS)):
        config = side.config
        if config.model_type not in families:
            found.append(f"the {name} is a {config.model_type}; {' and '.join(families)} can be exported")
            continue
        activation = config.activation_function if config.model_type == "gpt2" else config.hidden_act
        if activation not in ACTIVATIONS:
            found.append(f"the {name}'s activation is {activation!r}; {', '.join(ACTIVATIONS)} can be exported")
    if model.decoder.config.model_type == "gpt2":
        config = model.decoder.config
        found += [
            f"the decoder has {setting}: {getattr(config, setting)}"
            for setting, usual in (("scale_attn_weights", True), ("scale_attn_by_inverse_layer_idx", False))
            if getattr(config, setting) != usual
        ]
    if found:
        raise ExportError(f"{'; '.join(found)}. `--format transformers` exports every pair.")


def _read_epsilon(config: Any) -> float:
    return config.layer_norm_epsilon if config.model_type == "gpt2" else config.layer_norm_eps


def _find_activation(name: str) -> int:
    from ctranslate2.specs.common_spec import Activation

    return Activation[ACTIVATIONS[name]]


def _build_encoder(encoder: nn.Module) -> "TransformerEncoderSpec":
    from ctranslate2.specs.transformer_spec import TransformerEncoderSpec

    spec = _build_bert(TransformerEncoderSpec, encoder)
    spec.embeddings[0].weight = _read(encoder.embeddings.word_embeddings.weight)
    return spec


def _build_decoder(model: Seq2SeqModel) -> "TransformerDecoderSpec":
    decoder = model.decoder
    # States of an encoder of another width are projected first; keys and values take that over.
    bridge = getattr(model, "enc_to_dec_proj", None)
    build = _build_gpt2 if decoder.config.model_type == "gpt2" else _build_bert_decoder
    spec = build(decoder, bridge)
    output = decoder.get_output_embeddings()
    spec.projection.weight = _read(output.weight)
    if output.bias is not None:
        spec.projection.bias = _read(output.bias)
    return spec


def _build_bert_decoder(decoder: nn.Module, bridge: nn.Linear | None) -> "TransformerDecoderSpec":
    from ctranslate2.specs.transformer_spec import TransformerDecoderSpec

    bert = decoder.bert
    spec = _build_bert(TransformerDecoderSpec, bert)
    spec.embeddings.weight = _read(bert.embeddings.word_embeddings.weight)
    for layer_spec, layer in zip(spec.layer, bert.encoder.layer, strict=True):
        cross = layer.crossattention
        _set_linears(layer_spec.attention.linear[0], cross.self.query)
        _set_linears(layer_spec.attention.linear[1], cross.self.key, cross.self.value, bridge=bridge)
        _set_linears(layer_spec.attention.linear[2], cross.output.dense)
        _set_norm(layer_spec.attention.layer_norm, cross.output.LayerNorm)
    return spec


def _build_bert(kind: type, bert: nn.Module) -> Any:
    """A side of BERT's layers, all but its word embeddings and what attends to the other side."""
    config = bert.config
    spec = kind(
        config.num_hidden_layers,
        config.num_attention_heads,
        pre_norm=False,
        activation=_find_activation(config.hidden_act),
        layernorm_embedding=True,
    )
    spec.scale_embeddings = False
    spec.position_encodings.encodings = _read(bert.embeddings.position_embeddings.weight)
    _set_norm(spec.layernorm_embedding, bert.embeddings.LayerNorm)
    for layer_spec, layer in zip(spec.layer, bert.encoder.layer, strict=True):
        _set_bert_layer(layer_spec, layer)
    return spec


def _set_bert_layer(spec: Any, layer: nn.Module) -> None:
    attention = layer.attention
    _set_linears(spec.self_attention.linear[0], attention.self.query, attention.self.key, attention.self.value)
    _set_linears(spec.self_attention.linear[1], attention.output.dense)
    _set_norm(spec.self_attention.layer_norm, attention.output.LayerNorm)
    _set_linears(spec.ffn.linear_0, layer.intermediate.dense)
    _set_linears(spec.ffn.linear_1, layer.output.dense)
    _set_norm(spec.ffn.layer_norm, layer.output.LayerNorm)


def _build_gpt2(decoder: nn.Module, bridge: nn.Linear | None) -> "TransformerDecoderSpec":
    from ctranslate2.specs import transformer_spec

    config, gpt2 = decoder.config, decoder.transformer
    spec = transformer_spec.TransformerDecoderSpec(
        config.n_layer, config.n_head, pre_norm=True, activation=_find_activation(config.activation_function)
    )
    spec.scale_embeddings = False
    spec.embeddings.weight = _read(gpt2.wte.weight)
    spec.position_encodings.encodings = _read(gpt2.wpe.weight)
    _set_norm(spec.layer_norm, gpt2.ln_f)
    for layer_spec, layer in zip(spec.layer, gpt2.h, strict=True):
        _set_linears(layer_spec.self_attention.linear[0], layer.attn.c_attn)
        _set_linears(layer_spec.self_attention.linear[1], layer.attn.c_proj)
        _set_norm(layer_spec.self_attention.layer_norm, layer.ln_1)
        _set_linears(layer_spec.attention.linear[0], layer.crossattention.q_attn)
        _set_linears(layer_spec.attention.linear[1], layer.crossattention.c_attn, bridge=bridge)
        _set_linears(layer_spec.attention.linear[2], layer.crossattention.c_proj)
        _set_norm(layer_spec.attention.layer_norm, layer.ln_cross_attn)
        _set_linears(layer_spec.ffn.linear_0, layer.mlp.c_fc)
        _set_linears(layer_spec.ffn.linear_1, layer.mlp.c_proj)
        _set_norm(layer_spec.ffn.layer_norm, layer.ln_2)
    return spec


def _set_linears(spec: "LinearSpec", *linears: nn.Linear | Conv1D, bridge: nn.Linear | None = None) -> None:
    """Several layers of one input as one, each behind the bridge where there is one: W (B x + c) + b."""
    weights, biases = zip(*map(_read_linear, linears), strict=True)
    weight, bias = numpy.concatenate(weights), numpy.concatenate(biases)
    if bridge is not None:
        before, offset = _read_linear(bridge)
        weight, bias = weight @ before, weight @ offset + bias
    spec.weight, spec.bias = weight, bias


def _read_linear(linear: nn.Linear | Conv1D) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Weight (outputs, inputs) and bias (outputs,). Conv1D, of GPT-2, has its weight the other way round."""
    weight = _read(linear.weight)
    weight = numpy.ascontiguousarray(weight.T) if isinstance(linear, Conv1D) else weight
    return weight, numpy.zeros(len(weight), dtype=numpy.float32) if linear.bias is None else _read(linear.bias)


def _set_norm(spec: "LayerNormSpec", norm: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = _read(norm.weight), _read(norm.bias)


def _read(tensor: torch.Tensor) -> numpy.ndarray:
    return tensor.detach().to("cpu", torch.float32).numpy().copy()

"""A pair's weights in the layout of CTranslate2, for families whose row tells where these are.

CTranslate2 (https://github.com/OpenNMT/CTranslate2) has Transformer layers with the norm before or behind, learned
positions and GELU. It is imported inside functions: an optional library.
"""

from typing import TYPE_CHECKING, Any

import numpy
import torch
from torch import nn
from transformers import GenerationConfig, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.pytorch_utils import Conv1D

from ..base.errors import ExportError
from ..families.configs import find_positions
from ..families.family import AttentionLayout, CTranslate2Layout, Side, require
from ..families.table import find_family, list_exported
from ..modeling.encoder_decoder import Seq2SeqModel
from ..modeling.generation_config import list_ends
from ..modeling.layers import list_body_layers
from ..modeling.token_loss import TokenLossModel
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair

if TYPE_CHECKING:
    from ctranslate2.specs import TransformerSpec
    from ctranslate2.specs.attention_spec import MultiHeadAttentionSpec
    from ctranslate2.specs.common_spec import LayerNormSpec, LinearSpec
    from ctranslate2.specs.transformer_spec import TransformerDecoderSpec, TransformerEncoderSpec

# What a model may say about its tokens that CTranslate2 has no option for. `renormalize_logits` is no such: what beams
# may not write is shared out among the other tokens there, so that without it a few beams differ.
NO_RULES = (
    "forced_bos_token_id", "forced_eos_token_id", "begin_suppress_tokens", "sequence_bias",
    "exponential_decay_length_penalty", "watermarking_config",
)  # fmt: skip
# Options of every search of the model, in CTranslate2's config.json.
OTHER_ENDS = "other_end_tokens"
SUPPRESSED = "suppressed_sequences"

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
    source = _list_tokens(tokenizers.source, model.encoder.get_input_embeddings().num_embeddings)
    target = _list_tokens(tokenizers.target, model.decoder.get_input_embeddings().num_embeddings)
    spec.register_source_vocabulary(source)
    spec.register_target_vocabulary(target)
    spec.config.decoder_start_token = spec.config.bos_token = target[framing.begin_id]
    spec.config.eos_token = target[framing.end_id]
    others = [end for end in list_ends(model.generation_config) if end != framing.end_id and 0 <= end < len(target)]
    spec.config.add_attribute(OTHER_ENDS, [target[end] for end in others])
    suppressed = _list_suppressed(model.generation_config, len(target))
    spec.config.add_attribute(SUPPRESSED, [[target[token_id] for token_id in ids] for ids in suppressed])
    # CTranslate2 wants one in any case; every id of ours has a token in the vocabulary, so that none is read as it.
    unknown = tokenizers.target.unk_token_id
    spec.config.unk_token = target[framing.end_id if unknown is None else unknown]
    # One number for both sides; where they differ, the check of equality tells whether it matters. The smaller one does
    # less harm: GPT-2's states, before a norm, vary far more than BERT's embeddings.
    spec.config.layer_norm_epsilon = min(_read_epsilon(side.config) for side in (model.encoder, model.decoder))
    return spec


def _list_tokens(tokenizer: PreTrainedTokenizerFast, rows: int) -> list[str]:
    """The token of each row of an embedding table; rows beyond the vocabulary get names of their own.

    A tokenizer may have tokens beyond the table that no text gives, such as a pad of its own.

    Example: tokens [PAD] 0 and a 2 of three rows -> ['[PAD]', '<row 1>', 'a']
    """
    tokens = [f"<row {row}>" for row in range(rows)]
    for token, row in tokenizer.get_vocab().items():
        if row < rows:
            tokens[row] = token
    return tokens


def _list_suppressed(generation: GenerationConfig, rows: int) -> list[list[int]]:
    """Sequences of ids that no output may have; as transformers does, passes over ids beyond the rows of the table."""
    single = [[token_id] for token_id in generation.suppress_tokens or [] if 0 <= token_id < rows]
    ends = [[end] for end in list_ends(generation)]
    # transformers lets a search end though an end mark is called a bad word.
    return single + [ids for ids in generation.bad_words_ids or [] if ids not in ends]


def _check(model: TokenLossModel) -> None:
    if not isinstance(model, Seq2SeqModel):
        raise ExportError(
            f"a {model.config.model_type} published whole has a converter of CTranslate2's own: "
            "ct2-transformers-converter, for folders of plain transformers (--format transformers writes one). Here "
            "pairs are exported."
        )
    obstacles = [*_list_obstacles("encoder", model.encoder.config), *_list_obstacles("decoder", model.decoder.config)]
    for name in NO_RULES:
        if getattr(model.generation_config, name) is not None:
            obstacles.append(f"its generation config has {name}: {getattr(model.generation_config, name)}")
    if obstacles:
        raise ExportError(f"{'; '.join(obstacles)}. `--format transformers` exports every pair.")


def _list_obstacles(side: Side, config: PreTrainedConfig) -> list[str]:
    layout = find_family(config).ctranslate2
    if layout is None or side not in layout.sides:
        return [f"the {side} is a {config.model_type}; {' and '.join(list_exported(side))} can be exported"]
    obstacles = []
    activation = getattr(config, layout.activation)
    if activation not in ACTIVATIONS:
        obstacles.append(f"the {side}'s activation is {activation!r}; {', '.join(ACTIVATIONS)} can be exported")
    for setting, value in layout.fixed:
        if getattr(config, setting) != value:
            obstacles.append(f"the {side} has {setting}: {getattr(config, setting)}")
    return obstacles


def _read_layout(config: PreTrainedConfig) -> CTranslate2Layout:
    """The layout of a side that `_check` let pass."""
    return require(find_family(config).ctranslate2, "layout for CTranslate2")


def _read_epsilon(config: PreTrainedConfig) -> float:
    return getattr(config, _read_layout(config).epsilon)


def _find_activation(name: str) -> int:
    from ctranslate2.specs.common_spec import Activation

    return Activation[ACTIVATIONS[name]]


def _build_encoder(encoder: PreTrainedModel) -> "TransformerEncoderSpec":
    from ctranslate2.specs.transformer_spec import TransformerEncoderSpec

    spec = _build_side(TransformerEncoderSpec, encoder)
    spec.embeddings[0].weight = _read(encoder.get_input_embeddings().weight)
    return spec


def _build_decoder(model: Seq2SeqModel) -> "TransformerDecoderSpec":
    from ctranslate2.specs.transformer_spec import TransformerDecoderSpec

    body = model.decoder.base_model
    spec = _build_side(TransformerDecoderSpec, body)
    # Where CTranslate2 scores a target it puts an end mark behind it, behind one that fills all positions too. No real
    # token sees that mark, and its own score is left out.
    spec.position_encodings.encodings = numpy.pad(spec.position_encodings.encodings, ((0, 1), (0, 0)))
    spec.embeddings.weight = _read(body.get_input_embeddings().weight)
    layout = _read_layout(body.config).cross_attention
    # States of an encoder of another width are projected first; keys and values take that over.
    bridge = getattr(model, "enc_to_dec_proj", None)
    for layer_spec, layer in zip(spec.layer, list_body_layers(body), strict=True):
        _set_attention(layer_spec.attention, layer, layout, bridge)
    output = model.decoder.get_output_embeddings()
    spec.projection.weight = _read(output.weight)
    if output.bias is not None:
        spec.projection.bias = _read(output.bias)
    return spec


def _build_side(spec_class: type, body: PreTrainedModel) -> Any:
    """A side, all but its word embeddings and what attends to the other side."""
    config = body.config
    layout = _read_layout(config)
    spec = spec_class(
        config.num_hidden_layers,
        config.num_attention_heads,
        pre_norm=layout.pre_norm,
        activation=_find_activation(getattr(config, layout.activation)),
        layernorm_embedding=layout.embedding_norm is not None,
    )
    # By default CTranslate2 multiplies them by the root of the width, as Vaswani et al. 2017 do.
    spec.scale_embeddings = False
    positions = require(find_positions(config), "positions")
    table = require(positions.table, "table of positions")
    spec.position_encodings.encodings = _read(body.get_parameter(table))
    if layout.embedding_norm is not None:
        _set_norm(spec.layernorm_embedding, body.get_submodule(layout.embedding_norm))
    if layout.final_norm is not None:
        _set_norm(spec.layer_norm, body.get_submodule(layout.final_norm))
    for layer_spec, layer in zip(spec.layer, list_body_layers(body), strict=True):
        _set_attention(layer_spec.self_attention, layer, layout.self_attention)
        _set_linears(layer_spec.ffn.linear_0, layer.get_submodule(layout.inner))
        _set_linears(layer_spec.ffn.linear_1, layer.get_submodule(layout.outer))
        _set_norm(layer_spec.ffn.layer_norm, layer.get_submodule(layout.inner_norm))
    return spec


def _set_attention(
    spec: "MultiHeadAttentionSpec", layer: nn.Module, layout: AttentionLayout, bridge: nn.Linear | None = None
) -> None:
    """An attention of a layer; the bridge is what keys and values read through."""
    # Attention to itself has all three projections in one, so that there is no query apart.
    *queries, last = layout.inputs
    for linear, names in zip(spec.linear, queries, strict=False):
        _set_linears(linear, *map(layer.get_submodule, names))
    _set_linears(spec.linear[len(queries)], *map(layer.get_submodule, last), bridge=bridge)
    _set_linears(spec.linear[-1], layer.get_submodule(layout.output))
    _set_norm(spec.layer_norm, layer.get_submodule(layout.norm))


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


def _set_norm(spec: "LayerNormSpec", norm: nn.Module) -> None:
    """A layer norm of whatever class, which torch's need not be the base of."""
    spec.gamma = _read(norm.get_parameter("weight"))
    spec.beta = _read(norm.get_parameter("bias"))


def _read(tensor: torch.Tensor) -> numpy.ndarray:
    return tensor.detach().to("cpu", torch.float32).numpy().copy()

"""GPT-2: norms before attention and feed-forward; query, key and value in one matrix."""

from typing import TYPE_CHECKING, Any

from .family import (
    AttentionLayout,
    AttentionNames,
    Conversion,
    CrossAttention,
    CTranslate2Layout,
    Family,
    Layers,
    Partner,
    Positions,
)

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def _list_shape(config: "PreTrainedConfig") -> dict[str, Any]:
    return {
        "intermediate_size": config.n_inner or 4 * config.n_embd,
        "hidden_act": config.activation_function,
        "hidden_dropout_prob": config.resid_pdrop,
        "attention_probs_dropout_prob": config.attn_pdrop,
        "layer_norm_eps": config.layer_norm_epsilon,
    }


def _build_base() -> "PreTrainedConfig":
    from transformers import GPT2Config

    return GPT2Config(vocab_size=50257)


GPT2 = Family(
    model_types=("gpt2",),
    searches_unmasked=True,
    masks="broadcast",
    suggested=("decoder",),
    base=_build_base,
    lacks_pad=True,
    layers=Layers("h", scaled_by_number="scale_attn_by_inverse_layer_idx"),
    positions=Positions("wpe.weight"),
    attention=AttentionNames(
        modules=("attn", "crossattention"),
        outputs=("c_proj",),
        cross=("crossattention", "ln_cross_attn"),
        projections=("c_attn", "q_attn"),
    ),
    head=("lm_head",),
    dropouts=("resid_pdrop", "embd_pdrop", "attn_pdrop"),
    # The self-attention has query, key and value in one matrix, the attention to the source has the query apart.
    cross_attention=CrossAttention(
        partners=(
            Partner("crossattention.q_attn", "attn.c_attn", (0, 1), "the query's columns"),
            Partner("crossattention.c_attn", "attn.c_attn", (1, 3), "the columns of key and value"),
            Partner("crossattention.c_proj", "attn.c_proj"),
            Partner("ln_cross_attn", "ln_1"),
        ),
        output="crossattention.c_proj",
    ),
    conversion=Conversion(_list_shape),
    ctranslate2=CTranslate2Layout(
        sides=("decoder",),
        pre_norm=True,
        activation="activation_function",
        epsilon="layer_norm_epsilon",
        self_attention=AttentionLayout((("attn.c_attn",),), "attn.c_proj", "ln_1"),
        cross_attention=AttentionLayout(
            (("crossattention.q_attn",), ("crossattention.c_attn",)), "crossattention.c_proj", "ln_cross_attn"
        ),
        inner="mlp.c_fc",
        outer="mlp.c_proj",
        inner_norm="ln_2",
        final_norm="ln_f",
        fixed=(("scale_attn_weights", True), ("scale_attn_by_inverse_layer_idx", False)),
    ),
)

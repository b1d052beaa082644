"""BERT, and what is built like it: RoBERTa, ELECTRA, BertGeneration and their kin."""

from dataclasses import replace
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

POSITIONS = "embeddings.position_embeddings.weight"
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")
ATTENTION = AttentionNames(
    modules=("attention", "crossattention"),
    outputs=("output.dense",),
    cross=("crossattention",),
    projections=("query", "key", "value"),
)
CROSS_ATTENTION = CrossAttention(
    partners=(Partner("crossattention", "attention"),),
    output="crossattention.output.dense",
    norm="crossattention.output.LayerNorm",
)
# What every family below has; a row of its own tells the rest.
LIKE_BERT = Family(
    model_types=(),
    layers=Layers("encoder.layer"),
    positions=Positions(POSITIONS),
    attention=ATTENTION,
    dropouts=DROPOUTS,
)
# Positions are counted from the pad's id, so that no text reads the rows before.
LIKE_ROBERTA = replace(LIKE_BERT, positions=Positions(POSITIONS, behind_pad=True))


def _list_shape(config: "PreTrainedConfig") -> dict[str, Any]:
    names = (*DROPOUTS, "intermediate_size", "hidden_act", "layer_norm_eps")
    return {name: getattr(config, name) for name in names}


def _build_base_bert() -> "PreTrainedConfig":
    from transformers import BertConfig

    return BertConfig(vocab_size=30522)


def _build_base_roberta() -> "PreTrainedConfig":
    from transformers import RobertaConfig

    return RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)


# Both families add row 0 of the token types at every position of a text.
TO_BERT_GENERATION = Conversion(_list_shape, token_types="embeddings.token_type_embeddings.weight")

BERT = replace(
    LIKE_BERT,
    model_types=("bert",),
    masks="broadcast",
    suggested=("encoder", "decoder"),
    base=_build_base_bert,
    head=("cls",),
    cross_attention=CROSS_ATTENTION,
    conversion=TO_BERT_GENERATION,
)
BERT_GENERATION = replace(
    LIKE_BERT,
    model_types=("bert-generation",),
    masks="broadcast",
    bare_texts=True,  # transformers' documentation
    head=("lm_head",),
    cross_attention=CROSS_ATTENTION,
    ctranslate2=CTranslate2Layout(
        sides=("encoder", "decoder"),
        pre_norm=False,
        activation="hidden_act",
        epsilon="layer_norm_eps",
        self_attention=AttentionLayout(
            inputs=(("attention.self.query", "attention.self.key", "attention.self.value"),),
            output="attention.output.dense",
            norm="attention.output.LayerNorm",
        ),
        cross_attention=AttentionLayout(
            inputs=(("crossattention.self.query",), ("crossattention.self.key", "crossattention.self.value")),
            output="crossattention.output.dense",
            norm="crossattention.output.LayerNorm",
        ),
        inner="intermediate.dense",
        outer="output.dense",
        inner_norm="output.LayerNorm",
        embedding_norm="embeddings.LayerNorm",
    ),
)
ROBERTA = replace(
    LIKE_ROBERTA,
    model_types=("roberta", "xlm-roberta", "camembert"),  # one architecture
    masks="broadcast",
    suggested=("encoder", "decoder"),
    base=_build_base_roberta,
    head=("lm_head",),
    cross_attention=CROSS_ATTENTION,
    conversion=TO_BERT_GENERATION,
)
DATA2VEC = replace(LIKE_ROBERTA, model_types=("data2vec-text",), head=("lm_head",), cross_attention=CROSS_ATTENTION)
# Their norms stand before the attention, in a place of their own.
PRE_NORM_ROBERTA = replace(LIKE_ROBERTA, model_types=("xlm-roberta-xl", "roberta-prelayernorm"), head=("lm_head",))
ROBERTA_ENCODER = replace(LIKE_ROBERTA, model_types=("luke", "ibert", "markuplm"))
LONGFORMER = replace(
    LIKE_ROBERTA,
    model_types=("longformer",),
    searches_unmasked=True,
    layers=Layers("encoder.layer", per_layer=("attention_window",)),
    unreached=("_global.",),  # global attention, which no token is given here
)
ELECTRA = replace(
    LIKE_BERT,
    model_types=("electra",),
    masks="broadcast",
    suggested=("encoder", "decoder"),
    head=("generator_predictions", "generator_lm_head"),
    cross_attention=CROSS_ATTENTION,
)
REMBERT = replace(
    LIKE_BERT,
    model_types=("rembert",),
    masks="broadcast",
    searches_unmasked=True,
    suggested=("decoder",),
    head=("cls",),
    cross_attention=CROSS_ATTENTION,
)
DISTILBERT = replace(
    LIKE_BERT,
    model_types=("distilbert",),
    masks="broadcast",
    suggested=("encoder",),
    layers=Layers("transformer.layer"),
    attention=AttentionNames(("attention",), ("out_lin",), projections=("q_lin", "k_lin", "v_lin")),
    dropouts=("dropout", "attention_dropout"),
)
ALBERT = replace(
    LIKE_BERT,
    model_types=("albert",),
    masks="broadcast",
    layers=Layers(None, groups="num_hidden_groups"),
    attention=replace(ATTENTION, modules=("attention",), outputs=("dense",), cross=()),
)
MPNET = replace(
    LIKE_BERT,
    model_types=("mpnet",),
    masks="broadcast",
    suggested=("encoder",),
    # Counted from 2, whatever the pad's id: its embeddings have the 1 before it fixed.
    positions=Positions(POSITIONS, first=2),
    attention=AttentionNames(("attn",), ("o",), of_all_heads=("relative_attention_bias",)),
)

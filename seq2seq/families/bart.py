"""BART and its kin: encoder-decoders that are published, trained and looked into whole."""

from dataclasses import replace

from .family import AttentionNames, Family

ATTENTION = AttentionNames(
    modules=("self_attn", "encoder_attn"),
    outputs=("out_proj",),
    cross=("encoder_attn", "encoder_attn_layer_norm"),
    projections=("q_proj", "k_proj", "v_proj"),
)
# What every family below has; a row of its own tells the rest.
LIKE_BART = Family(
    model_types=(),
    whole_layers=("layers",),
    attention=ATTENTION,
    dropouts=("dropout", "attention_dropout", "activation_dropout"),
)
BART = replace(
    LIKE_BART,
    model_types=("bart", "mbart", "marian", "pegasus", "blenderbot", "blenderbot-small", "m2m_100", "plbart"),
    masks="broadcast",
    searches_unmasked=True,
)
# Its own attention asks for a mask as wide as it is long.
MVP = replace(LIKE_BART, model_types=("mvp",))
FSMT = replace(LIKE_BART, model_types=("fsmt",))
# Its table of global tokens, which sources do reach; frozen as it always was, so that its runs can go on.
PEGASUS_X = replace(LIKE_BART, model_types=("pegasus_x",), unreached=("embed_global.",))
# Encoders that attend locally end in `output`.
LED = replace(
    LIKE_BART,
    model_types=("led",),
    attention=replace(
        ATTENTION, outputs=("out_proj", "output"), projections=("query", "key", "value", *ATTENTION.projections)
    ),
    unreached=("_global.",),  # global attention, which no token is given here
)
BIGBIRD_PEGASUS = replace(
    LED,
    model_types=("bigbird_pegasus",),
    unreached=(),
    # At the first short source it builds its attention anew, with all heads.
    no_pruning="changes its kind of attention with the length of the source",
)
NLLB_MOE = replace(
    LIKE_BART,
    model_types=("nllb-moe",),
    attention=replace(
        ATTENTION, modules=("self_attn", "cross_attention"), cross=("cross_attention", "cross_attention_layer_norm")
    ),
)

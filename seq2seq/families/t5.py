"""T5 and its kin: encoder-decoders with relative positions, whose encoder alone can be one side of a pair."""

from dataclasses import replace

from .family import AttentionNames, Family, Layers, Positions

# Without projections: a table of relative positions that all heads have in common lets none go alone.
ATTENTION = AttentionNames(
    modules=("SelfAttention", "EncDecAttention"),
    outputs=("o",),
    cross=("EncDecAttention",),
    of_all_heads=("relative_attention_bias",),
)
# What every family below has; a row of its own tells the rest.
LIKE_T5 = Family(
    model_types=(),
    whole_layers=("block",),
    positions=Positions(None, limited=False),
    attention=ATTENTION,
    dropouts=("dropout_rate",),
)
T5 = replace(
    LIKE_T5,
    model_types=("t5", "mt5"),
    masks="broadcast",
    searches_unmasked=True,
    suggested=("encoder",),
    layers=Layers("encoder.block", of_first="relative_attention_bias"),
    has_encoder_class=True,
)
UMT5 = replace(
    T5,
    model_types=("umt5",),
    masks="padding",
    searches_unmasked=False,
    suggested=(),
    layers=Layers("encoder.block"),  # a table in every layer
)
LONGT5 = replace(
    LIKE_T5,
    model_types=("longt5",),
    attention=replace(ATTENTION, modules=(*ATTENTION.modules, "LocalSelfAttention", "TransientGlobalSelfAttention")),
)
SWITCH = replace(LIKE_T5, model_types=("switch_transformers",))

"""Encoders of the years after 2023: rotary positions, norms before attention and feed-forward."""

from .family import AttentionNames, Family, Layers, Positions

MODERNBERT = Family(
    model_types=("modernbert",),
    masks="layer_types",
    suggested=("encoder",),
    # The norm of the embeddings stands before layer 0, which has none of its own there.
    layers=Layers("layers", first_differs=True),
    positions=Positions(None),
    attention=AttentionNames(("attn",), ("Wo",), projections=("Wqkv",)),
    dropouts=("attention_dropout", "embedding_dropout", "mlp_dropout"),
)
EUROBERT = Family(
    model_types=("eurobert",),
    masks="broadcast",
    layers=Layers("layers"),
    positions=Positions(None),
    attention=AttentionNames(("self_attn",), ("o_proj",), projections=("q_proj", "k_proj", "v_proj")),
    dropouts=("attention_dropout",),
)

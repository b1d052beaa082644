"""DeBERTa, whose attention tells positions apart by their distance."""

from dataclasses import replace

from .bert import ATTENTION, LIKE_BERT, POSITIONS
from .family import Positions

LIKE_DEBERTA = replace(
    LIKE_BERT,
    searches_unmasked=True,
    positions=Positions(POSITIONS, switch="position_biased_input", relative="max_relative_positions"),
)
DEBERTA = replace(
    LIKE_DEBERTA,
    model_types=("deberta",),
    suggested=("encoder",),
    attention=replace(
        ATTENTION,
        projections=("in_proj", "q_bias", "v_bias", "pos_proj", "pos_q_proj"),
        head_by_head=("in_proj",),
    ),
    # transformers 5.23 fills its bfloat16 scores with the lowest float32, which does not fit.
    mixed_precision=False,
)
DEBERTA_V2 = replace(
    LIKE_DEBERTA,
    model_types=("deberta-v2",),
    attention=replace(
        ATTENTION, projections=("query_proj", "key_proj", "value_proj", "pos_key_proj", "pos_query_proj")
    ),
)

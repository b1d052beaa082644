"""The plans of Rothe, Narayan and Severyn 2020 as data: which side is warm, from what, and what both sides share."""

from dataclasses import dataclass

from ..families.bert import BERT, ROBERTA
from ..families.family import Family
from ..families.gpt2 import GPT2


@dataclass(frozen=True)
class Plan:
    """One way to start an encoder-decoder from published checkpoints.

    encoder, decoder: families of the checkpoints that the sides take their shape from; None for any that can serve.
    warm_encoder, warm_decoder: whether the side's weights come from its checkpoint too; else they are random.
    share_layers: whether the decoder uses the encoder's parameters for all but its cross-attention.
    one_table: whether encoder and decoder use one embedding table, that of the warm side.
    paper_millions: total, embeddings, warm and random parameters that the paper prints for base size.
    """

    name: str
    encoder: tuple[Family, ...] | None
    decoder: tuple[Family, ...] | None
    warm_encoder: bool
    warm_decoder: bool
    share_layers: bool
    one_table: bool
    paper_millions: tuple[int, int, int, int] | None = None


PLANS = {
    plan.name: plan
    for plan in (
        Plan("rnd2rnd", (BERT, ROBERTA), (BERT, ROBERTA), False, False, False, True, (221, 23, 0, 221)),
        Plan("bert2rnd", (BERT,), (BERT,), True, False, False, True, (221, 23, 109, 112)),
        # The paper prints 26 random parameters here, a slip for 112: its total is 221.
        Plan("rnd2bert", (BERT,), (BERT,), False, True, False, True, (221, 23, 109, 112)),
        Plan("bert2bert", (BERT,), (BERT,), True, True, False, True, (221, 23, 195, 26)),
        Plan("bertshare", (BERT,), (BERT,), True, True, True, True, (136, 23, 109, 26)),
        Plan("robertashare", (ROBERTA,), (ROBERTA,), True, True, True, True, (152, 39, 125, 26)),
        Plan("rnd2gpt", (BERT, ROBERTA, GPT2), (GPT2,), False, True, False, True, (238, 39, 125, 114)),
        Plan("bert2gpt", (BERT,), (GPT2,), True, True, False, False, (260, 62, 234, 26)),
        Plan("roberta2gpt", (ROBERTA,), (GPT2,), True, True, False, False, (276, 78, 250, 26)),
    )
}


def build_pair_plan(*, share: bool, one_checkpoint: bool) -> Plan:
    """Any encoder with any decoder, both warm; one table where both are of one checkpoint."""
    return Plan("pair", None, None, True, True, share_layers=share, one_table=one_checkpoint)

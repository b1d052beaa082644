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
    """

    name: str
    encoder: tuple[Family, ...] | None
    decoder: tuple[Family, ...] | None
    warm_encoder: bool
    warm_decoder: bool
    share_layers: bool
    one_table: bool


@dataclass(frozen=True)
class PaperPlan(Plan):
    """One of the paper's, which names the families of both sides.

    paper_millions: total, embeddings, warm and random parameters that the paper prints for base size.
    """

    encoder: tuple[Family, ...]
    decoder: tuple[Family, ...]
    paper_millions: tuple[int, int, int, int]


PLANS = {
    plan.name: plan
    for plan in (
        PaperPlan(
            "rnd2rnd",
            encoder=(BERT, ROBERTA),
            decoder=(BERT, ROBERTA),
            warm_encoder=False,
            warm_decoder=False,
            share_layers=False,
            one_table=True,
            paper_millions=(221, 23, 0, 221),
        ),
        PaperPlan(
            "bert2rnd",
            encoder=(BERT,),
            decoder=(BERT,),
            warm_encoder=True,
            warm_decoder=False,
            share_layers=False,
            one_table=True,
            paper_millions=(221, 23, 109, 112),
        ),
        # The paper prints 26 random parameters here, a slip for 112: its total is 221.
        PaperPlan(
            "rnd2bert",
            encoder=(BERT,),
            decoder=(BERT,),
            warm_encoder=False,
            warm_decoder=True,
            share_layers=False,
            one_table=True,
            paper_millions=(221, 23, 109, 112),
        ),
        PaperPlan(
            "bert2bert",
            encoder=(BERT,),
            decoder=(BERT,),
            warm_encoder=True,
            warm_decoder=True,
            share_layers=False,
            one_table=True,
            paper_millions=(221, 23, 195, 26),
        ),
        PaperPlan(
            "bertshare",
            encoder=(BERT,),
            decoder=(BERT,),
            warm_encoder=True,
            warm_decoder=True,
            share_layers=True,
            one_table=True,
            paper_millions=(136, 23, 109, 26),
        ),
        PaperPlan(
            "robertashare",
            encoder=(ROBERTA,),
            decoder=(ROBERTA,),
            warm_encoder=True,
            warm_decoder=True,
            share_layers=True,
            one_table=True,
            paper_millions=(152, 39, 125, 26),
        ),
        PaperPlan(
            "rnd2gpt",
            encoder=(BERT, ROBERTA, GPT2),
            decoder=(GPT2,),
            warm_encoder=False,
            warm_decoder=True,
            share_layers=False,
            one_table=True,
            paper_millions=(238, 39, 125, 114),
        ),
        PaperPlan(
            "bert2gpt",
            encoder=(BERT,),
            decoder=(GPT2,),
            warm_encoder=True,
            warm_decoder=True,
            share_layers=False,
            one_table=False,
            paper_millions=(260, 62, 234, 26),
        ),
        PaperPlan(
            "roberta2gpt",
            encoder=(ROBERTA,),
            decoder=(GPT2,),
            warm_encoder=True,
            warm_decoder=True,
            share_layers=False,
            one_table=False,
            paper_millions=(276, 78, 250, 26),
        ),
    )
}


def build_pair_plan(*, share: bool, one_checkpoint: bool) -> Plan:
    """Any encoder with any decoder, both warm; one table where both are of one checkpoint."""
    return Plan(
        "pair",
        encoder=None,
        decoder=None,
        warm_encoder=True,
        warm_decoder=True,
        share_layers=share,
        one_table=one_checkpoint,
    )

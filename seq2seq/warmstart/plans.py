"""The plans of Rothe, Narayan and Severyn 2020 as data: which side is warm, and what both sides share."""

from dataclasses import dataclass

from ..errors import WarmStartError


@dataclass(frozen=True)
class Plan:
    """One way to start an encoder-decoder from published checkpoints.

    warm_encoder, warm_decoder: whether the side's weights come from a checkpoint; else they are random.
    share_layers: whether the decoder uses the encoder's parameters for all but its cross-attention.
    paper_millions: total, warm and random parameters that the paper prints for base size (its RND2BERT row prints 26
        random, a slip for 112).
    """

    name: str
    warm_encoder: bool
    warm_decoder: bool
    share_layers: bool
    paper_millions: tuple[int, int, int]


PLANS = {
    plan.name: plan
    for plan in (
        Plan("rnd2rnd", False, False, False, (221, 0, 221)),
        Plan("bert2rnd", True, False, False, (221, 109, 112)),
        Plan("rnd2bert", False, True, False, (221, 109, 112)),
        Plan("bert2bert", True, True, False, (221, 195, 26)),
        Plan("bertshare", True, True, True, (136, 109, 26)),
    )
}


def find_plan(name: str) -> Plan:
    """The plan of that name.

    Raises:
        WarmStartError: there is none.
    """
    if name not in PLANS:
        raise WarmStartError(f"Plan {name!r} is unknown. Expected one of: {', '.join(PLANS)}.")
    return PLANS[name]

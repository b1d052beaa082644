"""The paper's table of plans, counted here: parameters at base size, as a warm start from published shapes has them.

Numbers alone, so that `seq2seq plans` needs no model; a test builds the models and counts them again.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PlanParameters:
    """Parameters of a plan by the paper's columns, which are those of `PaperPlan.paper_millions`, in its order.

    embeddings: tables of tokens. warm: what comes from a checkpoint; random: all others.
    """

    total: int
    embeddings: int
    warm: int
    random: int


COUNTED = {
    "rnd2rnd": PlanParameters(222_736_698, 23_440_896, 0, 222_736_698),
    "bert2rnd": PlanParameters(222_736_698, 23_440_896, 108_890_112, 113_846_586),
    "rnd2bert": PlanParameters(222_736_698, 23_440_896, 108_890_112, 113_846_586),
    "bert2bert": PlanParameters(222_736_698, 23_440_896, 194_339_328, 28_397_370),
    "bertshare": PlanParameters(137_287_482, 23_440_896, 108_890_112, 28_397_370),
    "robertashare": PlanParameters(152_469_849, 38_603_520, 124_052_736, 28_417_113),
    "rnd2gpt": PlanParameters(238_649_856, 38_598_144, 124_440_576, 114_209_280),
    "bert2gpt": PlanParameters(261_697_536, 62_039_040, 233_330_688, 28_366_848),
    "roberta2gpt": PlanParameters(276_860_160, 77_201_664, 248_493_312, 28_366_848),
}

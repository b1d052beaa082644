"""The paper's table of plans, counted here: shapes of base size on the meta device, without weights or memory."""

from pathlib import Path

import torch
from transformers import PreTrainedConfig

from ..families.family import Family
from ..families.table import find_family
from ..modeling.build import build_model
from ..modeling.parts import map_parts
from ..modeling.sharing import map_shared_names
from .filling import map_warm_names
from .options import ModelOptions
from .plans import Plan
from .sources import SourceCheckpoint
from .start import build_config, build_sides, find_sharing

COLUMNS = ("total", "embeddings", "warm", "random")  # as in Plan.paper_millions


def base_shape(family: Family) -> PreTrainedConfig:
    """The base size of a family, as published."""
    return family.base()


def count_plan_parameters(plan: Plan) -> dict[str, int]:
    """Parameters of a plan at base size by the paper's columns; warm are those that come from a checkpoint."""
    families = plan.encoder if plan.warm_encoder or not plan.warm_decoder else plan.decoder
    encoder, decoder = (
        SourceCheckpoint(family.name, Path(), base_shape(family)) for family in (families[0], plan.decoder[0])
    )
    rows = tuple(source.config.vocab_size + find_family(source.config).lacks_pad for source in (encoder, decoder))
    sides = build_sides(plan, encoder, decoder, ModelOptions(plan=plan.name, encoder=encoder.name), rows=rows)
    with torch.device("meta"):
        model = build_model(build_config(*sides), find_sharing(plan))
    parts, further = map_parts(model), map_shared_names(model)
    warm: set[str] = set()
    for name, side, is_warm in zip(("encoder", "decoder"), sides, (plan.warm_encoder, plan.warm_decoder), strict=True):
        if is_warm:
            filled = map_warm_names(model, name, side.converted)
            warm |= {further.get(place, place) for names in filled for place in names.values()}
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters(remove_duplicate=False)}
    first = [name for name in sizes if name not in further]
    return {
        "total": sum(sizes[name] for name in first),
        "embeddings": sum(sizes[name] for name in first if parts[name] == "embeddings"),
        "warm": sum(sizes[name] for name in first if name in warm),
        "random": sum(sizes[name] for name in first if name not in warm),
    }

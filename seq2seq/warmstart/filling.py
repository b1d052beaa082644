"""Filling a built model from its warm sides, and which of its parameters a plan fills."""

import torch

from ..base.errors import WarmStartError
from ..modeling.encoder_decoder import Seq2SeqModel
from ..modeling.parts import find_sides, map_parts
from ..modeling.sharing import map_shared_names
from .plans import Plan
from .sides import FilledTensor, Side, Written


def map_warm_names(model: Seq2SeqModel, side: str, converted: bool) -> tuple[dict[str, str], dict[str, str]]:
    """The parameters that a plan fills on a side, as {name in the side's body: name in the model}: body and head.

    A converted decoder has no head to fill: BertGeneration's output layer is the table, its bias starts at zero.
    """
    parts, head = map_parts(model), f"{side}."
    body = find_sides(model)[0 if side == "encoder" else 1]
    names = [name for name in parts if name.startswith(f"{side}.") and name not in model.tied_names]
    in_body = {
        name.removeprefix(body): name for name in names if name.startswith(body) and parts[name] != "cross_attention"
    }
    in_head = {name.removeprefix(head): name for name in names if not name.startswith(body)}
    return in_body, {} if converted else in_head


def fill_model(model: Seq2SeqModel, plan: Plan, encoder: Side, decoder: Side) -> Written:
    """Fills the warm sides; returns what was written, by the first name of the parameter."""
    written: Written = {}
    if plan.warm_encoder:
        written |= _fill_side(model, plan, "encoder", encoder)
    if plan.warm_decoder:
        for name, (source, tensor) in _fill_side(model, plan, "decoder", decoder).items():
            _check_one_table(name, tensor, written, encoder, decoder)
            written[name] = (source, tensor)
    return written


def _fill_side(model: Seq2SeqModel, plan: Plan, name: str, side: Side) -> Written:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    first_names = map_shared_names(model)
    body, head = map_warm_names(model, name, side.converted)
    if name == "decoder" and plan.share_layers:
        body = {}
    places = body | head
    shapes = [{inner: parameters[place].shape for inner, place in names.items()} for names in (body, head)]
    written: Written = {}
    parts = map_parts(model)
    table = next((inner for inner, place in body.items() if parts[place] == "embeddings"), None)
    for tensor in side.read_tensors(*shapes, table):
        place = places[tensor.name]
        with torch.no_grad():
            parameters[place].copy_(tensor.value)
        written[first_names.get(place, place)] = (side.source, tensor)
    return written


def _check_one_table(name: str, tensor: FilledTensor, written: Written, encoder: Side, decoder: Side) -> None:
    if name in written and not torch.equal(written[name][1].value, tensor.value):
        raise WarmStartError(
            f"{encoder.source.name} and {decoder.source.name} have different word embeddings, and one table serves "
            "both sides. Give the same checkpoint for both."
        )

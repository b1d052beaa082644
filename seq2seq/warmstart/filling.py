"""Filling a built model from its warm sides, and which of its parameters a plan fills."""

import torch

from ..base.errors import WarmStartError
from ..modeling.encoder_decoder import Seq2SeqModel
from ..modeling.parts import find_sides, map_parts
from ..modeling.sharing import map_shared_names
from .plans import Plan
from .sides import FilledTensor, Side, Written


def map_warm_names(
    model: Seq2SeqModel,
    side: str,
    converted: bool,
) -> tuple[dict[str, str], dict[str, str]]:
    """The parameters that a plan fills on a side, as {name in the side's body: name in the model}: body, LM head.

    A converted decoder has no LM head to fill: BertGeneration's output layer is the table, its bias starts at zero.
    """
    encoder, decoder = find_sides(model)
    body = encoder if side == "encoder" else decoder
    outside = f"{side}."
    in_body: dict[str, str] = {}
    in_lm_head: dict[str, str] = {}
    for name, part in map_parts(model).items():
        if not name.startswith(outside) or name in model.tied_names:
            continue
        if not name.startswith(body):
            in_lm_head[name.removeprefix(outside)] = name
        elif part != "cross_attention":
            in_body[name.removeprefix(body)] = name
    if converted:
        return in_body, {}
    return in_body, in_lm_head


def fill_model(
    model: Seq2SeqModel,
    plan: Plan,
    encoder: Side,
    decoder: Side,
) -> Written:
    """Fills the warm sides; returns what was written, by the first name of the parameter."""
    written: Written = {}
    if plan.warm_encoder:
        written |= _fill_side(model, plan, "encoder", encoder)
    if plan.warm_decoder:
        of_decoder = _fill_side(model, plan, "decoder", decoder)
        for name, (checkpoint, tensor) in of_decoder.items():
            _check_one_table(name, tensor, written, encoder, decoder)
            written[name] = (checkpoint, tensor)
    return written


def _fill_side(
    model: Seq2SeqModel,
    plan: Plan,
    side_name: str,
    side: Side,
) -> Written:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    first_names = map_shared_names(model)
    body, lm_head = map_warm_names(model, side_name, side.converted)
    if side_name == "decoder" and plan.share_layers:
        # The encoder's parameters are the decoder's too, and filled already.
        body = {}
    whole_names = body | lm_head
    shapes = {inner: parameters[name].shape for inner, name in whole_names.items()}
    body_shapes = {inner: shapes[inner] for inner in body}
    lm_head_shapes = {inner: shapes[inner] for inner in lm_head}
    parts = map_parts(model)
    tables = [inner for inner, name in body.items() if parts[name] == "embeddings"]
    table = tables[0] if tables else None
    written: Written = {}
    for tensor in side.read_tensors(body_shapes, lm_head_shapes, table):
        name = whole_names[tensor.name]
        with torch.no_grad():
            parameters[name].copy_(tensor.value)
        first_name = first_names.get(name, name)
        written[first_name] = (side.checkpoint, tensor)
    return written


def _check_one_table(
    name: str,
    tensor: FilledTensor,
    written: Written,
    encoder: Side,
    decoder: Side,
) -> None:
    if name not in written:
        return
    _, of_encoder = written[name]
    if not torch.equal(of_encoder.value, tensor.value):
        raise WarmStartError(
            f"{encoder.checkpoint.name} and {decoder.checkpoint.name} have different word embeddings, and one table "
            "serves both sides. Give the same checkpoint for both."
        )

"""Layer-wise decay of learning rates: the lower a layer, the more general what it learned, the smaller its steps.

As in the fine-tuning of ELECTRA (Clark et al. 2020). For what came warm alone: random parameters and cross-attention
have nothing to lose.
"""

from collections.abc import Mapping

from torch import nn

from ..base.errors import TrainingError
from ..modeling.layers import list_layers
from ..modeling.parts import find_sides
from ..modeling.token_loss import TokenLossModel

DECAYING_ORIGINS = ("encoder", "decoder")


def compute_layer_factors(
    model: TokenLossModel,
    origins: Mapping[str, str],
    decay: float,
) -> dict[str, float]:
    """The factor on the peak of every parameter named in `origins`: the decay to the power of its layers below the top.

    A parameter that both sides use has the encoder's.

    Example, a side of two layers, decay 0.8: norms and heads above 1, layer 1 1, layer 0 0.8, embeddings 0.64.

    Raises:
        TrainingError: a side came warm, and its layers are not known.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    warm = {name: parameters[name] for name, origin in origins.items() if origin in DECAYING_ORIGINS}
    depths: dict[nn.Parameter, int] = {}
    for side in find_sides(model):
        body = model.get_submodule(side.removesuffix("."))
        layers = list_layers(model, side)
        warm_of_side = set(body.parameters()) & set(warm.values())
        # What the other side has too was counted there.
        if not layers and not depths.keys() >= warm_of_side:
            raise TrainingError(
                f"training.layer_decay: model_type {body.config.model_type!r} ({side.removesuffix('.')}) has no list "
                "of layers that is known here, or one layer that is run many times. Set it to 1.0; both sides may "
                "have rates of their own by training.learning_rates."
            )
        # The right side of the union holds: what encoder and decoder share keeps the encoder's depth.
        depths = _count_layers_above(body, layers) | depths
    factors = dict.fromkeys(origins, 1.0)
    for name, parameter in warm.items():
        factors[name] = decay ** depths.get(parameter, 0)
    return factors


def _count_layers_above(body: nn.Module, layers: list[nn.Module]) -> dict[nn.Parameter, int]:
    """How many layers a parameter of a side stands below the top one, 0 for that and what is above it.

    Below the first layer stands what is built before it, and besides, for some families build them later, all tables
    and what is named embeddings (BART's norm of them). DeBERTa-v3's norm of its relative positions counts as above.
    """
    depths: dict[nn.Parameter, int] = {}
    for depth, layer in enumerate(reversed(layers)):
        for parameter in layer.parameters():
            depths.setdefault(parameter, depth)
    in_layers = set(depths)
    tables = {module.weight for module in body.modules() if isinstance(module, nn.Embedding)}
    is_before_layers = True
    for name, parameter in body.named_parameters():
        if parameter in in_layers:
            is_before_layers = False
        elif is_before_layers or parameter in tables or "embed" in name:
            depths[parameter] = len(layers)
        else:
            depths[parameter] = 0
    return depths

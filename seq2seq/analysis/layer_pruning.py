"""Which whole layers to remove: one after the other, the one without which the loss is lowest."""

from collections.abc import Callable, Iterator

from ..modeling.layers import find_layers, remove_layers
from ..modeling.parts import find_sides
from ..modeling.token_loss import TokenLossModel

Layers = tuple[list[int], list[int]]  # kept by encoder and decoder, counted from 0 as in the whole model


def count_layers(model: TokenLossModel) -> tuple[int, int]:
    """Of encoder and decoder; 0 where they cannot be told apart."""
    encoder, decoder = (len(find_layers(model, side)) for side in find_sides(model))
    return encoder, decoder


def count_trials(model: TokenLossModel, targets: tuple[int, int]) -> int:
    """How many models `choose_layers` measures, at most."""
    trials = [sum(range(target + 1, count + 1)) for count, target in zip(count_layers(model), targets, strict=True)]
    return trials[0] if model.sharing.layers else sum(trials)


def choose_layers(
    model: TokenLossModel, targets: tuple[int, int], measure: Callable[[TokenLossModel], float]
) -> Iterator[tuple[Layers, float]]:
    """The layers kept after each removal, with the loss that is left: first the encoder's, then the decoder's.

    Sides that share their layers lose the same ones at once.

    Args:
        targets: how many layers each side keeps.
        measure: the loss of a model; it is called for each layer that could go, at every removal.

    Raises:
        ValueError: a side has fewer layers than it shall keep, sides that share them shall keep different numbers, or
            no layer can go (see `remove_layers`).
    """
    available = count_layers(model)
    for side, count, target in zip(("encoder", "decoder"), available, targets, strict=True):
        if not 1 <= target <= count:
            raise ValueError(f"the {side} has {count} layers that can be told apart; {target} were to be kept")
    if model.sharing.layers and targets[0] != targets[1]:
        raise ValueError(f"encoder and decoder share their layers; {targets[0]} and {targets[1]} were to be kept")
    kept: Layers = (list(range(available[0])), list(range(available[1])))
    for side in (0, 1):
        while len(kept[side]) > targets[side]:
            tried, obstacle = [], None
            for gone in kept[side]:
                shorter = [layer for layer in kept[side] if layer != gone]
                choice = (shorter, shorter) if model.sharing.layers else (*kept[:side], shorter, *kept[side + 1 :])
                try:
                    tried.append((measure(remove_layers(model, *choice)), choice))
                except ValueError as error:
                    obstacle = error
            if not tried:
                raise obstacle
            loss, kept = min(tried, key=lambda found: found[0])
            yield kept, loss

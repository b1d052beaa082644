"""Which whole layers to remove: one after the other, the one without which the loss is lowest."""

from collections.abc import Callable, Iterator

from transformers import EncoderDecoderConfig

from ..modeling.layers import check_layers, list_layers, remove_layers
from ..modeling.parts import find_sides
from ..modeling.token_loss import TokenLossModel

Layers = tuple[list[int], list[int]]  # kept by encoder and decoder, counted from 0 as in the whole model
LayerCounts = tuple[int | None, int | None]  # how many layers encoder and decoder keep; None is all
SIDES = ("encoder", "decoder")


def count_layers(model: TokenLossModel) -> tuple[int, int]:
    """Of encoder and decoder."""
    config = model.config
    if isinstance(config, EncoderDecoderConfig):
        return config.encoder.num_hidden_layers, config.decoder.num_hidden_layers
    encoder, decoder = find_sides(model)
    return len(list_layers(model, encoder)), len(list_layers(model, decoder))


def check_layer_counts(model: TokenLossModel, layer_counts: LayerCounts) -> None:
    """Makes sure that a model can lose all layers but those that it shall keep.

    Raises:
        ValueError: a side has fewer layers than it shall keep, sides that share theirs shall keep different numbers, or
            the model's family allows none to go.
    """
    available = count_layers(model)
    for side, count, wanted in zip(SIDES, available, layer_counts, strict=True):
        if wanted is not None and not 1 <= wanted <= count:
            raise ValueError(f"the {side} has {count} layers and can keep 1 to {count}; {wanted} were asked for")
    if model.sharing.layers and layer_counts[0] != layer_counts[1]:
        raise ValueError("encoder and decoder share their layers: ask for the same number of both")
    whole = _list_all(model)
    for place, wanted in enumerate(layer_counts):
        if wanted is not None and wanted < available[place]:
            _list_choices(model, whole, place)  # refuses what it cannot choose among


def _list_all(model: TokenLossModel) -> Layers:
    encoder, decoder = count_layers(model)
    return list(range(encoder)), list(range(decoder))


def count_trials(model: TokenLossModel, layer_counts: LayerCounts) -> int:
    """How many models `drop_layers` measures, at most."""
    trials = []
    for count, wanted in zip(count_layers(model), layer_counts, strict=True):
        least = count if wanted is None else wanted
        # Each layer that is left is tried, at every removal.
        left_at_removals = range(least + 1, count + 1)
        trials.append(sum(left_at_removals))
    # Sides that share their layers lose them at once, so that both have the same trials.
    return trials[0] if model.sharing.layers else sum(trials)


def drop_layers(
    model: TokenLossModel,
    layer_counts: LayerCounts,
    measure: Callable[[TokenLossModel], float],
) -> Iterator[tuple[Layers, float]]:
    """The layers kept after each removal, with the loss that is left: first the encoder's, then the decoder's.

    Sides that share their layers lose the same ones at once.

    Args:
        measure: the loss of a model; it is called for each layer that could go, at every removal.

    Raises:
        ValueError: as `check_layer_counts`.
    """
    check_layer_counts(model, layer_counts)
    kept = _list_all(model)
    for side, wanted in enumerate(layer_counts):
        while wanted is not None and len(kept[side]) > wanted:
            choices = _list_choices(model, kept, side)
            losses = []
            for encoder, decoder in choices:
                # One smaller model at a time: memory need not hold more beside the whole one.
                losses.append(measure(remove_layers(model, encoder, decoder)))
            loss = min(losses)
            kept = choices[losses.index(loss)]
            yield kept, loss


def _list_choices(model: TokenLossModel, kept: Layers, side: int) -> list[Layers]:
    """What could be kept, with one layer fewer on a side.

    Raises:
        ValueError: no layer of the side can go.
    """
    choices = []
    refusal = None
    for gone in kept[side]:
        shorter = [layer for layer in kept[side] if layer != gone]
        other = shorter if model.sharing.layers else kept[1 - side]
        choice = (shorter, other) if side == 0 else (other, shorter)
        try:
            check_layers(model, *choice)
        except ValueError as error:
            refusal = error
        else:
            choices.append(choice)
    if not choices and refusal is not None:
        raise refusal
    return choices

"""Layer choice: which of a checkpoint's layers a side keeps."""

from collections.abc import Sequence

from ..base.errors import WarmStartError
from .options import EVERY


def choose_layers(choice: int | str | Sequence[int] | None, available: int, name: str) -> tuple[int, ...]:
    """The layers kept, counted from 0: all (None), the first n (a number), every n-th ('every 2'), or a list.

    Example: 'every 2' of 6 layers keeps 1, 3, 5: the last one always, as the decoder reads its states.

    Raises:
        WarmStartError: a layer is asked for that `name` does not have, or the list is empty or repeats one.
    """
    if choice is None:
        return tuple(range(available))
    if isinstance(choice, str):
        chosen = _choose_every(choice, available)
    elif isinstance(choice, int):
        chosen = tuple(range(choice))
    else:
        chosen = tuple(choice)
    is_repeated = len(set(chosen)) < len(chosen)
    is_inside = all(0 <= layer < available for layer in chosen)
    if not chosen or is_repeated or not is_inside:
        raise WarmStartError(
            f"{name} has {available} layers, counted from 0; {choice!r} were asked for. Give a number from 1 to "
            f"{available}, 'every 2', or a list of different layers such as [0, {available - 1}]."
        )
    return chosen


def _choose_every(choice: str, available: int) -> tuple[int, ...]:
    """Every n-th layer; none where the words are others."""
    match = EVERY.fullmatch(choice)
    if match is None:
        return ()
    every = int(match[1])
    first = (available - 1) % every
    return tuple(range(first, available, every))

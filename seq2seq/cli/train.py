"""`seq2seq train`."""

from typing import Any

from ..verbs.options import TrainOptions
from .arguments import Overrides, RecipePath
from .flags import read_flags, takes_flags


@takes_flags(TrainOptions)
def run(
    recipe: RecipePath,
    overrides: Overrides = None,
    **flags: Any,
) -> None:
    """Train by a recipe, then test and write a card.

    On more processes: accelerate launch -m seq2seq train ..., or torchrun -m seq2seq train ...
    """
    from ..recipe.recipe import load_recipe
    from ..verbs.early_checks import check_train

    options = read_flags(TrainOptions, flags)
    check_train(load_recipe(recipe, overrides or []), options)
    from ..verbs.train import train

    train(recipe, overrides or [], **dict(options))

"""`seq2seq train`."""

import os
import shlex
from typing import Any

from ..verbs.options.train import TrainOptions
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
    from ..base.console import errors, messages
    from ..base.errors import TrainingInterrupted
    from ..processes.launch import is_first_process
    from ..recipe.recipe import load_recipe
    from ..verbs.early_checks import check_train

    options = read_flags(TrainOptions, flags)
    check_train(load_recipe(recipe, overrides or []), options)
    from ..verbs.train import train

    try:
        folder = train(recipe, overrides or [], **dict(options))
    except (TrainingInterrupted, KeyboardInterrupt):
        if is_first_process(os.environ):
            command = ["seq2seq", "train", str(recipe), *(overrides or []), "--resume"]
            errors().print(f"Go on with: {shlex.join(command)}")
        raise
    if is_first_process(os.environ):
        from ..verbs.report.closing import list_run_closing

        for line in list_run_closing(folder):
            messages().print(line)

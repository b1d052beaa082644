"""`seq2seq inspect`."""

import os
from typing import Any

from ..verbs.options.inspect import InspectOptions
from .arguments import Overrides, RecipePath
from .flags import read_flags, takes_flags


@takes_flags(InspectOptions)
def run(
    recipe: RecipePath,
    overrides: Overrides = None,
    **flags: Any,
) -> None:
    """Show what would run before an hour is spent on it.

    Rows as the model sees them, lengths, duplicates, the origin of parameters, time and warnings.
    """
    from ..base.console import messages, output
    from ..processes.launch import is_first_process
    from ..recipe.recipe import load_recipe
    from ..verbs.early_checks import check_figures, check_recipe_data

    options = read_flags(InspectOptions, flags)
    check_figures(options)
    check_recipe_data(load_recipe(recipe, overrides or []))
    from ..verbs.inspect.display import list_tables
    from ..verbs.inspect.inspect import inspect

    inspection = inspect(recipe, overrides or [], **dict(options))
    if not is_first_process(os.environ):
        return
    for part in list_tables(inspection):
        output().print(part)
    if options.figures is not None:
        messages().print(f"Written: {options.figures}")

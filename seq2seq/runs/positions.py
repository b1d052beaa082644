"""The lengths of a recipe against the positions of its model: those that nobody gave follow them, others must fit."""

from collections.abc import Mapping
from typing import Any

from ..base.console import errors
from ..base.errors import GenerationError, RecipeError
from ..base.mappings import flatten, merge, nest
from ..engines.transformers import check_lengths
from ..modeling.token_loss import TokenLossModel
from ..recipe.recipe import Recipe, build_recipe
from ..text.framing import Framing
from .start import Start, check_target_prefix

# The options that have a default, of the task's perhaps, and the side whose positions limit them.
SIDES = {
    "data.max_source_tokens": "source",
    "data.max_target_tokens": "target",
    "generation.max_target_tokens": "target",
}


def fit_lengths(
    recipe: Recipe,
    start: Start,
    given: Mapping[str, Any],
    *,
    visible: bool = True,
) -> Recipe:
    """The recipe with no length beyond the positions of the model that it starts.

    Args:
        given: what the recipe says before the task and defaults fill it up; what stands there is not changed.
        visible: whether the lengths that were changed are printed.

    Raises:
        RecipeError: a given length is beyond the positions, nothing is left of a source between its marks, or outputs
            cannot begin with what they are to begin with.
    """
    model = start.model
    limits = {"source": model.max_source_positions, "target": model.max_target_positions}
    values = flatten(recipe.model_dump(mode="json"))
    fitted: dict[str, Any] = {}
    for key in list_free(given):
        limit = limits[SIDES[key]]
        if limit is not None and values[key] > limit:
            fitted = merge(fitted, nest(key, limit))
            if visible:
                errors().print(f"{key} is {limit}, for the model has no more positions (default: {values[key]}).")
    if fitted:
        recipe = build_recipe(merge(recipe.model_dump(mode="json"), fitted))
    _check_lengths(recipe, model, start.framing)
    check_target_prefix(start.tokenizers, start.framing, recipe)
    return recipe


def list_free(given: Mapping[str, Any]) -> list[str]:
    """The lengths that nobody gave."""
    keys = flatten(dict(given)).keys()
    return [key for key in SIDES if key not in keys]


def _check_lengths(recipe: Recipe, model: TokenLossModel, framing: Framing) -> None:
    marks = framing.source_marks
    if recipe.data.max_source_tokens <= marks:
        raise RecipeError(
            f"data.max_source_tokens is {recipe.data.max_source_tokens}, and {marks} of them are the marks around a "
            "source, so that nothing is left of it. Set more, or model.source_marks to false."
        )
    try:
        check_lengths(model, recipe.data.max_source_tokens, recipe.data.max_target_tokens)
        # Outputs have a limit of their own; no source is asked about twice.
        check_lengths(model, 0, recipe.generation.max_target_tokens)
    except GenerationError as error:
        raise RecipeError(f"The recipe's lengths do not fit the model: {error}") from None

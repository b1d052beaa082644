"""The objectives by name. One of the user's own goes by package.module:CLASS. Imports no torch."""

from ...base.errors import RecipeError
from ...base.objects import NAME_FORM, is_object_name, load_class
from .cross_entropy import CrossEntropy
from .objective import Objective

OBJECTIVES: dict[str, type[Objective]] = {"cross_entropy": CrossEntropy}


def find_objective(name: str) -> type[Objective]:
    """The objective of a name.

    Raises:
        RecipeError: there is none, or the object is no class derived from Objective.
    """
    if name in OBJECTIVES:
        return OBJECTIVES[name]
    if not is_object_name(name):
        raise RecipeError(
            f"unknown objective {name!r}; expected one of {', '.join(OBJECTIVES)}, or {NAME_FORM} for one of your own"
        )
    return load_class(name, Objective, "objective", RecipeError)

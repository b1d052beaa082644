"""The objectives by name. One of the user's own goes by package.module:CLASS. Imports no torch."""

from ...base.errors import RecipeError
from ...base.objects import find_class
from .cross_entropy import CrossEntropy
from .objective import Objective

OBJECTIVES: dict[str, type[Objective]] = {"cross_entropy": CrossEntropy}


def find_objective(name: str) -> type[Objective]:
    """The objective of a name.

    Raises:
        RecipeError: there is none, or the object is no class derived from Objective.
    """
    return find_class(name, OBJECTIVES, Objective, "objective", RecipeError)

"""What a recipe says about the objective: its kind, and beside that the options of that kind. Imports no torch."""

from typing import Any, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from ...base.errors import RecipeError
from ...base.options import Options, format_option_error
from .table import OBJECTIVES, find_objective


class ObjectiveOptions(Options):
    """The mapping `training.objective` of a recipe. Keys beside `kind` are those of the kind, and checked by it."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(
        "cross_entropy",
        description=f"What training minimises: {', '.join(OBJECTIVES)}, or package.module:CLASS for one of your own, "
        "whose options stand beside kind.",
    )

    @model_validator(mode="after")
    def _check_own(self) -> Self:
        try:
            self.build_own()
        except RecipeError as error:
            raise ValueError(str(error)) from None
        return self

    def build_own(self) -> Any:
        """The options of the kind.

        Raises:
            RecipeError: there is no such kind, or one of its options is wrong.
        """
        options = find_objective(self.kind).Options
        try:
            return options(**(self.model_extra or {}))
        except ValidationError as invalid:
            lines = [format_option_error(options, item).strip() for item in invalid.errors()]
            raise RecipeError(f"{self.kind}: {'; '.join(lines)}") from None

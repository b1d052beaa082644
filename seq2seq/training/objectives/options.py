"""What a recipe says about the objective: its kind, and beside that the options of that kind. Imports no torch."""

from pydantic import Field

from ...base.kinds import KindOptions
from .objective import Objective
from .table import OBJECTIVES, find_objective


class ObjectiveOptions(KindOptions):
    """The mapping `training.objective` of a recipe."""

    kind: str = Field(
        "cross_entropy",
        description=f"What training minimises: {', '.join(OBJECTIVES)}, or package.module:CLASS for one of your own, "
        "whose options stand beside kind.",
    )

    def find_kind(self) -> type[Objective]:
        return find_objective(self.kind)

"""Options of something that comes in kinds: the name of the kind, and beside it the options of that kind."""

from abc import abstractmethod
from typing import Any, ClassVar, Protocol, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from .errors import RecipeError
from .options import Options, format_option_error


class Kind(Protocol):
    """What the class of a kind has: the options that stand beside its name."""

    Options: "ClassVar[type[Options]]"


class KindOptions(Options):
    """Base of such sections. Keys beside `kind` are those of the kind, and checked by it."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="The name of the kind, or package.module:CLASS for one of the user's own.")

    @abstractmethod
    def find_kind(self) -> type[Kind]:
        """The class of the kind.

        Raises:
            RecipeError: there is none.
        """

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
        options = self.find_kind().Options
        try:
            return options(**(self.model_extra or {}))
        except ValidationError as invalid:
            lines = [format_option_error(options, item, from_yaml=True).strip() for item in invalid.errors()]
            raise RecipeError(f"{self.kind}: {'; '.join(lines)}") from None

"""The options of `inspect`, which stand beside its recipe. Imports no torch."""

from typing import Annotated, ClassVar

from pydantic import Field

from ...base.errors import RecipeError, Seq2SeqError
from ...base.options import MOST, FilePath, Flag, Options
from .fields import Overwrite


class InspectOptions(Options):
    """Options of `inspect`."""

    error: ClassVar[type[Seq2SeqError]] = RecipeError

    examples: int = Field(
        2,
        ge=0,
        le=MOST,
        description="How many rows of each split are shown as the model sees them.",
    )
    time: bool = Field(
        True, description="Whether to run some updates and outputs, for half a minute at most, to estimate the time."
    )
    figures: Annotated[FilePath | None, Flag("--json")] = Field(
        None, description="A file to write all figures to, as JSON."
    )
    overwrite: Overwrite = False

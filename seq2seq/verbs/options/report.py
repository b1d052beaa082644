"""The options of `report`. Imports no torch."""

from typing import ClassVar

from pydantic import Field

from ...base.errors import ScoringError, Seq2SeqError
from ...base.options import MOST, FilePath, Options
from .fields import Overwrite


class ReportOptions(Options):
    """Options of `report`."""

    error: ClassVar[type[Seq2SeqError]] = ScoringError

    output: FilePath | None = Field(
        None,
        description="The folder to write the comparison of several runs to, as README.md with its picture; left out "
        "for one run, whose own card is written.",
    )
    overwrite: Overwrite = False
    samples: int = Field(
        3,
        ge=0,
        le=MOST,
        description="How many test rows are shown with the outputs of every run.",
    )

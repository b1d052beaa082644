"""The options of `average`. Imports no torch."""

from typing import ClassVar

from pydantic import Field

from ...base.errors import CheckpointError, Seq2SeqError
from ...base.options import MOST, FilePath, Options
from .fields import Overwrite


class AverageOptions(Options):
    """Options of `average`."""

    error: ClassVar[type[Seq2SeqError]] = CheckpointError

    output: FilePath = Field(description="The checkpoint folder to write; it must be new or empty.")
    overwrite: Overwrite = False
    last: int | None = Field(
        None,
        ge=2,
        le=MOST,
        description="How many of the newest checkpoints of one run folder are averaged, in place of names.",
    )

"""The options of `train`, which stand beside its recipe. Imports no torch."""

from typing import ClassVar

from pydantic import Field

from ...base.errors import Seq2SeqError, TrainingError
from ...base.options import Options


class TrainOptions(Options):
    """Options of `train`."""

    error: ClassVar[type[Seq2SeqError]] = TrainingError

    resume: bool = Field(
        False,
        description="Whether to go on from the newest whole checkpoint of the run folder; a run that is not there yet "
        "begins.",
    )

"""The options of `compare`. Imports no torch."""

from pydantic import Field

from ...base.options import FileName
from ...metrics.significance import TRIALS
from .scoring import ScoringOptions


class CompareOptions(ScoringOptions):
    """Options of `compare`."""

    references: FileName | None = Field(
        None,
        description="What both are compared with, one text a line, or .jsonl with 'references' or 'target'; left out, "
        "it is what stands in both files.",
    )
    sources: FileName | None = Field(
        None,
        description="The sources, one a line, or .jsonl with 'source'; left out, they are those that stand in both "
        "files, if any.",
    )
    trials: int = Field(
        TRIALS,
        ge=1,
        le=10**6,
        description="How many random exchanges of outputs the p-value counts; it cannot be below 1 / (trials + 1).",
    )

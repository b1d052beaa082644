"""The options of `score`. Imports no torch."""

from pydantic import Field

from ...base.options import FileName
from .scoring import ScoringOptions


class ScoreOptions(ScoringOptions):
    """Options of `score`."""

    predictions: FileName = Field(
        description="The texts to score, one a line, or .jsonl with a column 'prediction', as runs write it."
    )
    references: FileName = Field(
        description="What they are compared with, one text a line, or .jsonl with 'references' or 'target'."
    )
    sources: FileName | None = Field(
        None,
        description="The sources, one a line, or .jsonl with 'source'; left out, they are those of the .jsonl of "
        "predictions, if any.",
    )
    checkpoint: FileName | None = Field(
        None, description="A checkpoint whose tokenizer's ceiling is shown too: the references written and read by it."
    )
    intervals: bool = Field(
        True, description="Whether to compute intervals, of 95%, by 1,000 bootstrap resamples of the texts."
    )

"""The options of `analyze_heads` and `analyze_attention`. Imports no torch."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ...base.errors import AnalysisError, Seq2SeqError
from ...base.options import MOST, FilePath
from ...engines.options import GenerationChoice
from .fields import Overwrite
from .pairs import PairOptions


class HeadsOptions(PairOptions):
    """Options of `analyze_heads`."""

    error: ClassVar[type[Seq2SeqError]] = AnalysisError

    output: FilePath = Field(Path("analysis"), description="The folder to write heads.json and heads.png to.")
    overwrite: Overwrite = False
    normalized: bool = Field(
        False, description="Whether the importance of a head is divided by the l2 norm of its layer."
    )
    batch_tokens: int = Field(
        4096,
        gt=0,
        le=MOST,
        description="How large a batch may be, by which memory is bounded: pairs x (longest source + longest target).",
    )


class AttentionOptions(GenerationChoice):
    """Options of `analyze_attention`."""

    output: FilePath = Field(
        Path("analysis"), description="The folder to write the page, the figures, the tensors and the pictures to."
    )
    overwrite: Overwrite = False
    pictures: bool = Field(True, description="Whether a PNG is drawn for each layer.")

"""The options of `prune`. Imports no torch."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from ...base.errors import AnalysisError, Seq2SeqError
from ...base.options import LARGEST_SEED, MOST, FilePath, Strings
from .fields import Overwrite, SomeFiles
from .pairs import PairOptions


class PruneOptions(PairOptions):
    """Options of `prune`."""

    error: ClassVar[type[Seq2SeqError]] = AnalysisError
    recipe_keys: ClassVar[Mapping[str, str]] = {"evaluation.metrics": "metrics"}

    output: FilePath = Field(description="The checkpoint folder to write; it must be new or empty.")
    overwrite: Overwrite = False
    keep: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="The share of heads that stays, of those in the layers that stay; left out, all stay.",
    )
    encoder_layers: int | None = Field(
        None,
        ge=1,
        le=MOST,
        description="How many layers of the encoder stay; left out, all stay.",
    )
    decoder_layers: int | None = Field(
        None,
        ge=1,
        le=MOST,
        description="How many layers of the decoder stay; left out, all stay.",
    )
    per_round: float = Field(
        0.1,
        gt=0,
        le=1,
        description="The share of all heads that goes in a round, before the rest is weighed anew.",
    )
    normalized: bool = Field(
        False, description="Whether a head is ranked by its importance divided by the l2 norm of its layer."
    )
    test: SomeFiles = Field(
        None, description="The pairs that the curve is measured on, named like the data; left out, they are the data."
    )
    metrics: Strings = Field(
        (),
        description="The metrics of the curve beside the loss; for each, the model writes texts for all test pairs at "
        "every point.",
    )
    curve: bool = Field(
        True, description="Whether losses are measured as heads go, with a random order of heads beside."
    )
    seed: int = Field(1, ge=-LARGEST_SEED, le=LARGEST_SEED, description="The seed of the random order.")
    batch_tokens: int = Field(
        4096,
        gt=0,
        le=MOST,
        description="How large a batch may be, by which memory is bounded: pairs x (longest source + longest target).",
    )

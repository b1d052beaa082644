"""What a recipe, and whoever generates, says about generation. Imports no torch."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from ..base.errors import GenerationError, Seq2SeqError
from ..base.options import LARGEST_SEED, MOST, MOST_TOKENS, Options, build_choice, require_field_name
from .choices import EarlyStopping, GenerationPrecision, LengthPenaltyForm
from .foreign_options import FOREIGN_OPTIONS

BATCH_TOKENS = 16384
OF_SAMPLING = ("temperature", "top_k", "top_p")  # options that a search has no use for


class GenerationOptions(Options):
    """The section `generation` of a recipe."""

    error: ClassVar[type[Seq2SeqError]] = GenerationError

    num_beams: int = Field(4, gt=0, le=1000, description="How many beams the search keeps; 1 is greedy.")
    max_target_tokens: int = Field(
        128,
        gt=0,
        le=MOST_TOKENS,
        description="How many tokens an output may have at most, its end mark included; left out of a recipe, it is "
        "data.max_target_tokens.",
    )
    min_target_tokens: int = Field(
        0, ge=0, le=MOST_TOKENS, description="How many tokens an output must have at least, its end mark not counted."
    )
    length_penalty: float = Field(
        1.0,
        ge=-10,  # a text of 4,096 tokens to the power of 10 is still a number of single precision
        le=10,
        description="The exponent alpha of the length by which the log-probability of a beam is divided before beams "
        "are compared; more favours longer outputs, and 0 compares the plain sums.",
    )
    length_penalty_form: LengthPenaltyForm = Field(
        "power",
        description="What a beam is divided by: power is length^alpha, gnmt is ((5 + length) / 6)^alpha, as in Wu et "
        "al. 2016 and in the paper.",
    )
    early_stopping: EarlyStopping = Field(
        False,
        description="Whether a search ends once it has a finished output for each beam. With false it goes on while "
        "its best open beam is better than the worst of them, with never while one could become better.",
    )
    no_repeat_ngram_size: int = Field(
        0,
        ge=0,
        le=MOST_TOKENS,
        description="The length in tokens of the n-grams that no output may have twice; 0 allows all.",
    )
    encoder_no_repeat_ngram_size: int = Field(
        0,
        ge=0,
        le=MOST_TOKENS,
        description="The length in tokens of the n-grams of its source that no output may have; 0 allows all.",
    )
    repetition_penalty: float = Field(
        1.0,
        ge=0.01,
        le=100,
        description="A factor by which tokens that were written already become less likely (Keskar et al. 2019); 1 "
        "changes nothing.",
    )
    encoder_repetition_penalty: float = Field(
        1.0,
        ge=0.01,
        le=100,
        description="A factor by which the tokens of its source become more likely in an output; 1 changes nothing.",
    )
    sampling: bool = Field(
        False,
        description="Whether every token is drawn by its probability, in place of a search; num_beams must be 1.",
    )
    temperature: float = Field(
        1.0,
        ge=1e-6,
        le=1e6,
        description="What logits are divided by before a token is drawn; below 1, likely ones gain.",
    )
    top_k: int = Field(
        0, ge=0, le=MOST, description="How many of the likeliest tokens are drawn from; 0 draws from all."
    )
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        description="The probability that the tokens drawn from must have together, the likeliest first; 1 draws from "
        "all.",
    )
    seed: int = Field(
        1,
        ge=0,
        le=LARGEST_SEED,
        description="The seed of the draws; a text in its place gets the same ones in any batch.",
    )
    num_outputs: int = Field(
        1,
        gt=0,
        le=1_000_000,
        description="How many outputs each source gets: its best beams, of which there must be enough, or draws. "
        "Files of several must be JSONL.",
    )
    target_prefix: str = Field("", description="A text that every output begins with.")
    scores: bool = Field(
        False,
        description="Whether each output comes with its log-probability, that of its end mark included. Files with "
        "scores must be JSONL.",
    )
    precision: GenerationPrecision = Field(
        "fp32",
        description="The number type of the weights that texts are written with, by the engine transformers. bf16 and "
        "fp16 are faster where the hardware has them, need memory for a copy, and write a few texts otherwise; scores "
        "are those of fp32. An export has the type that it was written in.",
    )
    batch_tokens: int | None = Field(
        None,
        gt=0,
        le=MOST,
        description="How large a batch may be, by which memory is bounded: beams x examples x (longest source + "
        "longest output). null is 16384, and on a GPU, in the engine transformers, what half of its free memory holds. "
        "A CPU computes several batches at once, one for each thread and at most 8.",
    )

    @property
    def tokens_at_once(self) -> int:
        """How large a batch may be where nobody fits it to a GPU's memory."""
        return self.batch_tokens or BATCH_TOKENS

    def fits(self, width: int, examples: int) -> bool:
        """Whether a batch may hold a number of examples, the longest source of which has `width` tokens."""
        rows = examples * (self.num_outputs if self.sampling else self.num_beams)
        return rows * (width + self.max_target_tokens) <= self.tokens_at_once

    @field_validator("sampling")
    @classmethod
    def _check_beams(cls, sampling: bool, info: ValidationInfo) -> bool:
        if sampling and (beams := info.data.get("num_beams", 1)) != 1:
            raise ValueError(f"draws without beams; set num_beams to 1 (found {beams})")
        return sampling

    @field_validator(*OF_SAMPLING)
    @classmethod
    def _check_sampling(cls, value: float, info: ValidationInfo) -> float:
        if value != cls.model_fields[require_field_name(info)].default and not info.data.get("sampling", True):
            raise ValueError("is for sampling alone; set sampling to true")
        return value

    @field_validator("num_outputs")
    @classmethod
    def _check_outputs(cls, outputs: int, info: ValidationInfo) -> int:
        beams = info.data.get("num_beams", outputs)
        if not info.data.get("sampling", True) and outputs > beams:
            raise ValueError(f"at most num_beams, which is {beams}; more need more beams, or sampling")
        return outputs

    @field_validator("min_target_tokens")
    @classmethod
    def _check_shortest(cls, shortest: int, info: ValidationInfo) -> int:
        if shortest >= (longest := info.data.get("max_target_tokens", shortest + 1)):
            raise ValueError(f"must be less than max_target_tokens, which is {longest} and counts the end mark")
        return shortest


class SourceChoice(Options):
    """How much of a source is read, over what a checkpoint says. No part of a recipe, which has `data` for it."""

    max_source_tokens: int | None = Field(
        None,
        gt=0,
        le=MOST_TOKENS,
        description="The most tokens of a source that are read, its marks included; longer ones are cut, and counted. "
        "Left out, it is what the checkpoint was trained with, and of a published one what its tokenizer says.",
    )


class GenerationChoice(SourceChoice, build_choice(GenerationOptions)):  # type: ignore[misc]  # a class made by a call
    """Options of generation over those of a checkpoint, which hold where they are left out."""

    error: ClassVar[type[Seq2SeqError]] = GenerationError
    recipe_keys: ClassVar[Mapping[str, str]] = {f"generation.{name}": name for name in GenerationOptions.model_fields}
    foreign: ClassVar[Mapping[str, str]] = FOREIGN_OPTIONS

    @property
    def generation(self) -> dict[str, Any]:
        """Those that were chosen."""
        chosen = {name: getattr(self, name) for name in GenerationOptions.model_fields}
        return {name: value for name, value in chosen.items() if value is not None}

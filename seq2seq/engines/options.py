"""What a recipe says about generation. Imports no torch."""

from pydantic import Field, ValidationInfo, field_validator

from ..base.options import Options
from .choices import LengthPenaltyForm


class GenerationOptions(Options):
    """The section `generation` of a recipe, the keyword options of `seq2seq.generate`."""

    num_beams: int = Field(4, gt=0, description="Beams of the search; 1 is greedy.")
    max_target_tokens: int = Field(128, gt=0, description="Longest output, end mark included.")
    min_target_tokens: int = Field(0, ge=0, description="Shortest output, end mark not counted.")
    length_penalty: float = Field(
        1.0, description="Alpha: beams are compared by log-probability / length^alpha; 0 compares the plain sums."
    )
    length_penalty_form: LengthPenaltyForm = Field(
        "power", description="power: length^alpha. gnmt: ((5 + length) / 6)^alpha, of Wu et al. 2016 and the paper."
    )
    no_repeat_ngram_size: int = Field(0, ge=0, description="No n-gram of this many tokens twice; 0 allows all.")
    repetition_penalty: float = Field(
        1.0, gt=0, description="Above 1 makes tokens that were written already less likely (Keskar et al. 2019)."
    )
    sampling: bool = Field(False, description="Draw every token by its probability in place of a search; num_beams 1.")
    temperature: float = Field(1.0, gt=0, description="Of sampling: below 1 sharpens the probabilities.")
    top_k: int = Field(0, ge=0, description="Of sampling: draw among so many likeliest tokens; 0 among all.")
    top_p: float = Field(
        1.0, gt=0, le=1, description="Of sampling: draw among the fewest tokens of this probability together."
    )
    seed: int = Field(1, ge=0, description="Of sampling; a text at its place gets the same draws in any batch.")
    num_outputs: int = Field(
        1, gt=0, description="Outputs of each source: its best beams, at most num_beams, or so many draws."
    )
    target_prefix: str = Field("", description="Text that every output begins with.")
    scores: bool = Field(False, description="Log-probability of each output, end mark included, in JSONL outputs.")
    batch_tokens: int = Field(
        16384,
        gt=0,
        description="Beams x examples x (longest source + max_target_tokens) of a batch: bounds memory. A CPU computes "
        "a batch a thread at once, at most 8.",
    )

    def fits(self, width: int, examples: int) -> bool:
        """Whether a batch may hold so many examples, the longest source of which has `width` tokens."""
        rows = examples * (self.num_outputs if self.sampling else self.num_beams)
        return rows * (width + self.max_target_tokens) <= self.batch_tokens

    @field_validator("sampling")
    @classmethod
    def _check_beams(cls, sampling: bool, info: ValidationInfo) -> bool:
        if sampling and (beams := info.data.get("num_beams", 1)) != 1:
            raise ValueError(f"draws without beams; set num_beams to 1 (found {beams})")
        return sampling

    @field_validator("temperature", "top_k", "top_p")
    @classmethod
    def _check_sampling(cls, value: float, info: ValidationInfo) -> float:
        if value != cls.model_fields[info.field_name].default and not info.data.get("sampling", True):
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

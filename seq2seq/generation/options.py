"""What a recipe says about generation. Imports no torch."""

from pydantic import Field

from ..options import Options


class GenerationOptions(Options):
    """The section `generation` of a recipe, the keyword options of `seq2seq.generate`."""

    num_beams: int = Field(4, gt=0, description="Beams of the search; 1 is greedy.")
    max_target_tokens: int = Field(128, gt=0, description="Longest output, end mark included.")
    length_penalty: float = Field(1.0, description="A beam's log-probability is divided by length to this power.")
    no_repeat_ngram_size: int = Field(0, ge=0, description="No n-gram of this many tokens twice; 0 allows all.")
    batch_tokens: int = Field(
        32768, gt=0, description="Beams x examples x (longest source + max_target_tokens) of a batch: bounds memory."
    )

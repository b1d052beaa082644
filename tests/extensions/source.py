"""A source of one's own: measurements, a list of numbers for each moment, in place of the embeddings of tokens.

source: {kind: "tests.extensions.source:Series", width: 768, scale: 10.0}
"""

import numpy
from pydantic import Field

import seq2seq


class Series(seq2seq.Source):
    """A list of moments, each of as many numbers as the encoder is wide, or fewer: zeros fill them up."""

    input_names = ("inputs_embeds", "attention_mask")
    dtype = "float32"

    class Options(seq2seq.Options):
        width: int = Field(gt=0, description="The width of the encoder.")
        scale: float = Field(1.0, gt=0, description="What every number is divided by.")

    def __init__(self, options, context):
        super().__init__(options, context)
        self.width = (options.width,)

    def find_fault(self, value):
        if not isinstance(value, list) or not all(isinstance(moment, list) for moment in value):
            return f"holds {type(value).__name__}, expected a list of lists of numbers"
        if any(len(moment) > self.options.width for moment in value):
            return f"has a moment of more than {self.options.width} numbers, the width of the encoder"

    def encode(self, values):
        return [self._fill_up(moments) for moments in values]

    def _fill_up(self, moments):
        rows = numpy.zeros((len(moments), *self.width), dtype=self.dtype)
        for row, moment in zip(rows, moments, strict=True):
            row[: len(moment)] = moment
        return rows / self.options.scale

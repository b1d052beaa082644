"""A metric of one's own: the share of texts whose number of words is right.

seq2seq score --predictions mine.txt --references theirs.txt --metrics bleu,tests.extensions.metric:RIGHT_LENGTH
"""

from collections.abc import Iterator, Sequence

from seq2seq import MeanMetric


class RightLength(MeanMetric):
    """Percent of the texts that have as many words as one of their references."""

    name = "right_length"
    better = "higher"  # so it may choose the best checkpoint

    def compute_shares(
        self, sources: Sequence[str], predictions: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Iterator[float]:
        for prediction, allowed in zip(predictions, references, strict=True):
            lengths = {len(reference.split()) for reference in allowed}
            yield float(len(prediction.split()) in lengths)

    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        return "words by white space, any reference"


RIGHT_LENGTH = RightLength()

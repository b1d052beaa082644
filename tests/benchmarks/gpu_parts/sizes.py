"""The models and pairs that the parts of gpu.py work with: random weights by config, made-up ids and words.

Letters: a size has a width, layers and heads for each of its two sides, which are alike.
"""

from dataclasses import dataclass

import numpy
from transformers import BertConfig, BertGenerationConfig, EncoderDecoderConfig

from seq2seq.data.encoding import EncodedExamples, Truncation
from seq2seq.data.ragged import RaggedIds

FIRST_WORD = 5  # the ids below are marks
POSITIONS = 512


@dataclass(frozen=True)
class Size:
    """A model's shape, and how much of what is measured: tokens and pairs of a step, steps of a round, texts.

    source_tokens, target_tokens: of the longest texts; the shortest have a quarter of it. steps: of fp32; what is
    faster makes twice as many.
    """

    width: int
    layers: int
    heads: int
    vocabulary: int
    batch_examples: int
    source_tokens: int
    target_tokens: int
    rounds: int
    steps: int
    texts: int = 0
    written_tokens: int = 0

    @property
    def inner_width(self) -> int:
        return 4 * self.width


# The shapes of bert-base-uncased and bert-large-uncased, twice each.
BERT_TOKENS = 30_522
FULL = {
    "base": Size(768, 12, 12, BERT_TOKENS, 64, 256, 128, rounds=3, steps=4, texts=192, written_tokens=64),
    "large": Size(1024, 24, 16, BERT_TOKENS, 32, 256, 128, rounds=2, steps=3),
}
TINY = {
    "base": Size(32, 2, 2, 200, 4, 16, 12, rounds=2, steps=1, texts=8, written_tokens=4),
    "large": Size(64, 3, 2, 200, 4, 16, 12, rounds=1, steps=1),
}


def find_size(name: str, *, tiny: bool) -> Size:
    return (TINY if tiny else FULL)[name]


def build_config(size: Size) -> EncoderDecoderConfig:
    """Of a pair as `plan: bert2bert` makes it of two BERTs: no pooler, the output layer is the table of words."""
    sides = [
        BertGenerationConfig(
            vocab_size=size.vocabulary,
            hidden_size=size.width,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            intermediate_size=size.inner_width,
            max_position_embeddings=POSITIONS,
            hidden_dropout_prob=0.1,
            attention_probs_dropout_prob=0.1,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
        )
        for _ in range(2)
    ]
    return EncoderDecoderConfig.from_encoder_decoder_configs(
        *sides,
        decoder_start_token_id=2,
        pad_token_id=0,
        eos_token_id=3,
    )


def build_bert_config(size: Size) -> BertConfig:
    return BertConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.inner_width,
        max_position_embeddings=POSITIONS,
    )


def draw_lengths(size: Size, pairs: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Lengths of sources and targets, each (pairs,): even between a quarter of the longest and that."""
    draw = numpy.random.default_rng(1)
    sources, targets = (
        draw.integers(longest // 4, longest + 1, pairs) for longest in (size.source_tokens, size.target_tokens)
    )
    return sources, targets


def make_up_examples(size: Size, pairs: int) -> EncodedExamples:
    """Pairs of random ids."""
    draw = numpy.random.default_rng(2)
    sides = []
    for lengths in draw_lengths(size, pairs):
        sides.append(RaggedIds([draw.integers(FIRST_WORD, size.vocabulary, length) for length in lengths]))
    truncations = []
    for longest in (size.source_tokens, size.target_tokens):
        truncations.append(Truncation(texts=pairs, truncated=0, limit=longest, longest=longest))
    return EncodedExamples(*sides, *truncations)


def list_words(size: Size) -> list[str]:
    """As many made-up words as nearly fill the vocabulary, each of one token."""
    return [f"w{number}" for number in range(size.vocabulary - 100)]


def make_up_texts(size: Size) -> list[str]:
    """Sources of those words."""
    draw = numpy.random.default_rng(3)
    words = list_words(size)
    lengths, _ = draw_lengths(size, size.texts)
    # Two of the tokens are marks.
    return [" ".join(words[index] for index in draw.integers(0, len(words), length - 2)) for length in lengths]

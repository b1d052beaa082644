"""Coverage: counts by hand on a tokenizer of a few pieces."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from seq2seq.base.errors import TokenizerError
from seq2seq.text.coverage import BATCH_TEXTS, Coverage, coverage_rows, measure_coverage
from seq2seq.text.tokenizers import load_tokenizer
from tests.text.test_tokenizers import build_byte_level_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tiny_bert):
    return load_tokenizer(tiny_bert)


def test_counts_are_those_of_a_hand_count(tokenizer):
    # The cat ##s sat | a ☃ -> [UNK] | don ' t: 4 + 2 + 3 tokens, of which [UNK] comes back as nothing.
    coverage = measure_coverage(tokenizer, ["The cats sat", "a ☃", "don't"])
    assert coverage == Coverage(
        texts=3,
        characters=12 + 3 + 5,
        words=3 + 2 + 1,
        tokens=9,
        tokens_per_word=9 / 6,
        single_token_words=3 / 6,  # The, sat, a
        unknown_tokens=1,
        returning_texts=2 / 3,  # "the cats sat" is the first as the tokenizer normalizes it
        used_vocabulary=9 / len(tokenizer),
    )


def test_texts_of_many_batches_are_counted_together(tokenizer):
    coverage = measure_coverage(tokenizer, ("the cat" for _ in range(BATCH_TEXTS + 1)))
    assert (coverage.texts, coverage.tokens) == (BATCH_TEXTS + 1, 2 * (BATCH_TEXTS + 1))


def test_word_of_a_byte_level_vocabulary_is_read_with_its_space():
    pieces = ["Ġ", "a", "b", "Ġa"]
    backend = Tokenizer(models.BPE({piece: index for index, piece in enumerate(pieces)}, [("Ġ", "a")]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    assert measure_coverage(tokenizer, ["b a a"]).single_token_words == pytest.approx(2 / 3)


def test_tokenizer_without_an_unknown_mark_has_no_unknown_tokens():
    assert measure_coverage(build_byte_level_tokenizer(), ["☃"]).unknown_tokens == 0


@pytest.mark.parametrize("texts", [[], ["", " "]])
def test_texts_without_a_word_are_refused(tokenizer, texts):
    with pytest.raises(TokenizerError, match=f"Coverage needs text; {len(texts)} texts were given"):
        measure_coverage(tokenizer, texts)


def test_rows_show_counts_and_shares():
    coverage = Coverage(9999, 8, 7, 6, 1.234, 0.57, 5, 0.9999, 1.0)
    header, rows = coverage_rows({"source": coverage})
    assert dict(zip(header, rows[0], strict=True)) == {
        "": "source", "texts": "9,999", "characters": "8", "words": "7", "tokens": "6", "tokens per word": "1.23",
        "words of one token": "57.0%", "unknown tokens": "5", "texts that come back": "over 99.9%",
        "vocabulary used": "100.0%",
    }  # fmt: skip

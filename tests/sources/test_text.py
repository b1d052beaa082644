"""Texts as sources: what is read, prepared, stored and shown, by hand."""

import pytest

from seq2seq.base.errors import DataError, TokenizerError
from seq2seq.sources.columns import Row
from seq2seq.sources.text import build_reader
from seq2seq.text.framing import Framing
from seq2seq.text.tokenizers import load_tokenizer
from tests.conftest import build_source

FRAMING = Framing(begin_id=2, end_id=3, pad_id=0, source_prefix=(2,), source_suffix=(3,))


@pytest.fixture
def source(tiny_bert):
    return build_source(load_tokenizer(tiny_bert), FRAMING, max_source_tokens=4, normalization=["collapse_spaces"])


def test_text_of_training_data_is_normalized_and_stripped(source):
    row = Row("line 1", {"text": " the  cat "})
    assert source.read(row, ["text"], "") == " the  cat "
    assert source.read_example(row, ["text"], "") == "the cat"


def test_empty_text_is_read_and_no_example(source):
    row = Row("line 1", {"text": " "})
    assert source.read(row, ["text"], "") == " "
    with pytest.raises(DataError, match="line 1: column 'text' is empty"):
        source.read_example(row, ["text"], "")


def test_half_of_a_surrogate_pair_is_replaced_where_texts_are_generated_for(source):
    assert source.prepare("a \ud800") == "a \ufffd"


def test_limit_counts_the_marks_which_always_stay(source):
    ids = source.encode(["the cat sat"])[0]
    assert source.truncate(ids) == ([2, *ids[:2], 3], True)
    assert source.truncate(ids[:2]) == ([2, *ids[:2], 3], False)
    assert source.marks == 2


def test_positions_are_named_by_their_tokens(source):
    assert source.name_positions(source.truncate(source.encode(["a cat"])[0])[0]) == ["[CLS]", "a", "cat", "[SEP]"]


def test_value_that_is_no_text_is_found():
    reader = build_reader()
    assert (reader.find_fault("a"), reader.find_fault(3)) == (None, "holds int, expected text")


def test_source_without_a_model_only_reads():
    reader = build_reader()
    with pytest.raises(TokenizerError, match="there is no tokenizer. Build the source for a model."):
        reader.encode(["the cat"])
    with pytest.raises(TokenizerError, match="there is no framing. Build the source for a model."):
        reader.truncate([5, 6])

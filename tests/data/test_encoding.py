"""Encoding: framed targets, cut to the limits, every cut counted."""

import numpy
import pytest

from seq2seq.base.errors import DataError
from seq2seq.data import encoding
from seq2seq.data.encoding import EncodedExamples, Truncation, encode_examples
from seq2seq.data.examples import Example
from seq2seq.data.ragged import RaggedIds
from seq2seq.text.framing import derive_framing
from seq2seq.text.tokenizers import TokenizerPair
from tests.conftest import build_source


@pytest.fixture
def encode(tokenizer):
    """Encodes pairs of texts with limits of 4 tokens for sources and 3 for targets."""

    def encode(*pairs: tuple[str, str]):
        examples = [Example(*pair, (pair[1],), f"a.jsonl line {line}") for line, pair in enumerate(pairs, 1)]
        pair, framing = TokenizerPair(tokenizer, tokenizer), derive_framing(tokenizer)
        return encode_examples(examples, build_source(tokenizer, framing, 4), pair, framing, max_target_tokens=3)

    return encode


def read_tokens(tokenizer, rows: RaggedIds) -> list[str]:
    return [" ".join(tokenizer.convert_ids_to_tokens(row.tolist())) for row in rows]


def test_ragged_rows_lie_in_one_flat_array():
    rows = RaggedIds([[5, 6], [], [7]])
    assert (rows.ids.tolist(), rows.offsets.tolist(), rows.lengths.tolist()) == ([5, 6, 7], [0, 2, 2, 3], [2, 0, 1])


def test_ragged_rows_come_back_as_given():
    rows = [[1], [2, 3, 4], [], [5, 6]]
    ragged = RaggedIds(iter(rows))
    assert [ragged[index].tolist() for index in range(len(ragged))] == rows


def test_ragged_rows_cost_four_bytes_a_token():
    assert RaggedIds([[1, 2], [3]]).ids.nbytes == 3 * 4


def test_no_rows_are_an_empty_array():
    assert (len(RaggedIds([])), RaggedIds([]).offsets.tolist()) == (0, [0])


def test_sources_are_bare_and_targets_end_with_the_end_mark(encode, tokenizer):
    encoded = encode(("The cat sat.", "a cat"))
    assert read_tokens(tokenizer, encoded.sources) == ["the cat sat ."]
    assert read_tokens(tokenizer, encoded.labels) == ["a cat [SEP]"]


def test_long_texts_are_cut_and_a_cut_target_has_no_end_mark(encode, tokenizer):
    encoded = encode(("the big red cat sat", "the cat sat"))
    assert read_tokens(tokenizer, encoded.sources) == ["the big red cat"]
    assert read_tokens(tokenizer, encoded.labels) == ["the cat sat"]


def test_cuts_are_counted_with_the_longest_text(encode):
    # Sources of 5, 4 and 6 tokens, limit 4: two cut. Targets of 1, 3 and 2 tokens and the end mark, limit 3: one cut.
    encoded = encode(("the big red cat sat", "a"), ("the cat sat .", "the cat sat"), ("the the the the the the", "a a"))
    assert encoded.source_truncation == Truncation(texts=3, truncated=2, limit=4, longest=6)
    assert encoded.target_truncation == Truncation(texts=3, truncated=1, limit=3, longest=4)


def test_share_of_cut_texts():
    assert Truncation(texts=8, truncated=2, limit=4, longest=6).share == 0.25


def test_examples_encoded_in_chunks_equal_examples_encoded_at_once(encode, monkeypatch):
    pairs = [("cat " * (number % 4 + 1), f"{number}") for number in range(10)]
    at_once = encode(*pairs)
    monkeypatch.setattr(encoding, "CHUNK", 3)
    in_chunks = encode(*pairs)
    assert len(at_once) == 10
    for side in ("sources", "labels"):
        numpy.testing.assert_array_equal(getattr(in_chunks, side).ids, getattr(at_once, side).ids)
        numpy.testing.assert_array_equal(getattr(in_chunks, side).lengths, getattr(at_once, side).lengths)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("\x00\x01", "a"), r"a\.jsonl line 2: the source has no token for this tokenizer\. Remove the row\."),
        (("a", "\x00\x01"), r"a\.jsonl line 2: the target has no token"),
    ],
)
def test_text_without_any_token_is_refused_with_its_row(encode, pair, message):
    with pytest.raises(DataError, match=message):
        encode(("a", "a"), pair)


def test_sources_are_exchanged_for_those_of_the_next_pair():
    nothing = Truncation(texts=0, truncated=0, limit=0, longest=0)
    sources, labels = RaggedIds([[1], [2, 2], [3], [4]]), RaggedIds([[5], [6], [7, 7], [8]])
    pairs, exchanged = EncodedExamples(sources, labels, nothing, nothing).exchange_sources(3)
    assert [list(pairs.sources[row]) for row in range(3)] == [[1], [2, 2], [3]]
    assert [list(exchanged.sources[row]) for row in range(3)] == [[2, 2], [3], [1]]
    for side in (pairs, exchanged):
        assert [list(side.labels[row]) for row in range(len(side))] == [[5], [6], [7, 7]]


def exchange(sources: list[list[int]], count: int) -> list[list[int]] | None:
    """The sources that the first pairs get; their labels stay."""
    nothing = Truncation(texts=0, truncated=0, limit=0, longest=0)
    labels = RaggedIds([[row] for row in range(len(sources))])
    sides = EncodedExamples(RaggedIds(sources), labels, nothing, nothing).exchange_sources(count)
    if sides is None:
        return None
    for side in sides:
        assert [list(side.labels[row]) for row in range(len(side))] == [[row] for row in range(len(side))]
    return [list(sides[1].sources[row]) for row in range(len(sides[1]))]


@pytest.mark.parametrize(
    ("sources", "exchanged"),
    [
        # Each source three times in a row: the next other one, the last with the first.
        ([[1], [1], [1], [2], [2], [2]], [[2], [2], [2], [1], [1], [1]]),
        ([[1], [1], [2], [2], [3], [3]], [[2], [2], [3], [3], [1], [1]]),
        # First and last alike: the last goes on to the second.
        ([[1], [2], [1]], [[2], [1], [2]]),
        ([[1], [2, 2], [2], [1]], [[2, 2], [2], [1], [2, 2]]),
    ],
)
def test_repeated_sources_are_exchanged_for_those_of_pairs_of_another_source(sources, exchanged):
    assert exchange(sources, 128) == exchanged


def test_first_pairs_of_one_source_get_the_first_other_one_behind_them():
    assert exchange([[1], [1], [1], [2], [3]], 2) == [[2], [2]]


@pytest.mark.parametrize("sources", [[[1]], [[1], [1], [1]], [[1, 2], [1, 2], [1, 2], [1, 2]]])
def test_pairs_that_all_have_one_source_are_not_exchanged(sources):
    assert exchange(sources, 2) is None

"""What comes back from a tokenizer, counted by hand: the tiny BERT lower-cases and does not know the snowman."""

import pytest

from seq2seq.text.round_trip import Returned, measure_round_trip

TEXTS = ["a cat", "The cat", "a ☃ cat", "a cat."]  # the last comes back as it is: the clean-up joins its full stop


@pytest.fixture
def tokenizer(started):
    return started.tokenizers.target


def test_exact_and_normalized_returns_and_unknown_tokens_are_counted_apart(tokenizer):
    trip = measure_round_trip(tokenizer, TEXTS, ["lowercase"])
    assert (trip.texts, trip.exact, trip.normalized, trip.with_unknown) == (4, 2, 3, 1)


def test_examples_of_each_kind_show_what_came_back(tokenizer):
    trip = measure_round_trip(tokenizer, TEXTS, ["lowercase"])
    assert trip.changed == (Returned("The cat", "the cat"), Returned("a ☃ cat", "a cat"))
    assert trip.changed_normalized == trip.unknown == (Returned("a ☃ cat", "a cat"),)


def test_no_more_than_two_examples_are_kept(tokenizer):
    assert len(measure_round_trip(tokenizer, ["The cat"] * 5, []).changed) == 2


def test_without_normalization_both_counts_are_the_same(tokenizer):
    trip = measure_round_trip(tokenizer, TEXTS, [])
    assert trip.exact == trip.normalized == 2

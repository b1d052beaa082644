"""Rows that stand in the data more than once: counted by hand, and against plain Python on random rows."""

import random

import numpy

from seq2seq.data.duplicates import Matches, TextHashes, find_conflicting, find_overlap, find_repeated, hash_texts


def hash_pairs(pairs: list[tuple[str, str]]) -> TextHashes:
    return TextHashes(
        numpy.array([hash_texts(source) for source, _ in pairs], dtype=numpy.uint64),
        numpy.array([hash_texts(*pair) for pair in pairs], dtype=numpy.uint64),
    )


def test_texts_are_equal_regardless_of_case_and_white_space():
    assert hash_texts("The cat  sat.") == hash_texts(" the CAT\tsat.")
    assert hash_texts("Straße") == hash_texts("STRASSE")
    assert hash_texts("the cat sat.") != hash_texts("the cat sat")


def test_where_one_text_of_a_pair_ends_matters():
    assert hash_texts("a b", "c") != hash_texts("a", "b c")


def test_hash_has_eight_bytes():
    assert 2**32 < hash_texts("the cat sat") < 2**64


def test_repeated_pairs_are_counted_without_the_first_of_them():
    pairs = [("a", "x"), ("b", "y"), ("a", "x"), ("A", "X")]
    assert find_repeated(hash_pairs(pairs)) == Matches(2, first=(2, 0))


def test_same_source_with_another_target_is_no_repetition():
    assert find_repeated(hash_pairs([("a", "x"), ("a", "y")])) == Matches(0)


def test_conflicting_rows_are_all_that_share_their_source_with_another_target():
    pairs = [("b", "y"), ("a", "x"), ("b", "y"), ("a", "x"), ("a", "z"), ("c", "x")]
    assert find_conflicting(hash_pairs(pairs)) == Matches(3, first=(4, 1))


def test_overlap_names_the_first_row_and_the_first_that_it_equals():
    mine, others = (hash_pairs([(word, "") for word in words]).sources for words in (["d", "c", "a"], ["a", "c", "c"]))
    assert find_overlap(mine, others) == Matches(2, first=(1, 1))


def test_splits_without_a_common_row_have_no_overlap():
    mine, others = (hash_pairs([(word, "") for word in words]).sources for words in (["z", "b"], ["a", "c"]))
    assert find_overlap(mine, others) == Matches(0)


def test_counts_of_random_rows_equal_those_of_plain_python():
    draw = random.Random(0)
    pairs = [(str(draw.randrange(60)), str(draw.randrange(3))) for _ in range(150)]
    others = [(str(draw.randrange(90)), str(draw.randrange(3))) for _ in range(50)]
    hashes, other_hashes = hash_pairs(pairs), hash_pairs(others)
    targets = {source: {target for other_source, target in pairs if other_source == source} for source, _ in pairs}
    assert find_repeated(hashes).rows == sum(pair in pairs[:row] for row, pair in enumerate(pairs))
    assert find_conflicting(hashes).rows == sum(len(targets[source]) > 1 for source, _ in pairs)
    assert find_overlap(other_hashes.pairs, hashes.pairs).rows == sum(pair in pairs for pair in others)
    assert find_overlap(other_hashes.sources, hashes.sources).rows == sum(source in targets for source, _ in others)

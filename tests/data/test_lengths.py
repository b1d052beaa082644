"""Lengths against a limit, by hand."""

import numpy

from seq2seq.data.lengths import summarize_lengths


def test_percentile_is_the_shortest_limit_that_holds_so_many():
    # 100 texts of 1 to 100 tokens: a limit of 90 holds 90 of them.
    summary = summarize_lengths(numpy.arange(100, 0, -1), limit=128)
    assert summary.percentiles == {"50": 50, "90": 90, "95": 95, "99": 99}


def test_percentile_is_a_length_that_occurs():
    # Half of five texts are three: the third shortest.
    assert summarize_lengths(numpy.array([3, 3, 3, 6, 7]), limit=5).percentiles["50"] == 3
    assert summarize_lengths(numpy.array([2, 40]), limit=5).percentiles == {"50": 2, "90": 40, "95": 40, "99": 40}


def test_texts_over_the_limit_are_counted_and_the_limit_itself_fits():
    summary = summarize_lengths(numpy.array([3, 5, 6, 9]), limit=5)
    assert (summary.texts, summary.tokens, summary.truncated, summary.longest) == (4, 23, 2, 9)
    assert summary.share_truncated == 0.5


def test_tokens_of_many_texts_do_not_overflow():
    lengths = numpy.full(3, 2**30, dtype=numpy.int32)
    assert summarize_lengths(lengths, limit=5).tokens == 3 * 2**30

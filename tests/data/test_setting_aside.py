"""Sources set aside by a seed: hashes made by hand, counts by hand."""

import numpy
import pytest

from seq2seq.base.errors import DataError
from seq2seq.data.setting_aside import draw_sources

MANY = numpy.arange(1000, dtype=numpy.uint64)  # a thousand sources of a row each


def hashes(*numbers: int) -> numpy.ndarray:
    return numpy.array(numbers, dtype=numpy.uint64)


def test_each_part_gets_its_rows_and_none_is_in_two():
    drawn = draw_sources(MANY, {"validation": 50, "test": 100}, seed=1)
    assert {part: len(sources) for part, sources in drawn.items()} == {"validation": 50, "test": 100}
    assert not drawn["validation"] & drawn["test"]


def test_rows_are_counted_not_sources():
    drawn = draw_sources(numpy.repeat(MANY, 2), {"test": 100}, seed=1)
    assert len(drawn["test"]) == 50


def test_order_of_the_rows_is_no_matter_and_the_seed_is():
    drawn = draw_sources(MANY, {"test": 100}, seed=1)
    assert draw_sources(MANY[::-1], {"test": 100}, seed=1) == drawn
    assert draw_sources(MANY, {"test": 100}, seed=2) != drawn


def test_rows_that_are_added_move_few_others():
    drawn = draw_sources(MANY, {"test": 100}, seed=1)["test"]
    more = draw_sources(numpy.arange(1100, dtype=numpy.uint64), {"test": 100}, seed=1)["test"]
    assert len(drawn & more) >= 80  # of 100 drawn anew among 1,100, a tenth or so come from the new ones


def test_a_source_of_too_many_rows_stays():
    drawn = draw_sources(hashes(7, 7, 7, 1, 2, 3), {"test": 1}, seed=1)
    assert len(drawn["test"]) == 1
    assert 7 not in drawn["test"]


def test_where_every_source_has_too_many_rows_the_smallest_is_taken():
    drawn = draw_sources(hashes(1, 1, 1, 2, 2, 3, 3, 3), {"test": 1}, seed=1)
    assert drawn == {"test": {2}}


def test_three_sources_are_enough_for_two_parts():
    drawn = draw_sources(hashes(1, 2, 3), {"validation": 1, "test": 1}, seed=1)
    assert [len(sources) for sources in drawn.values()] == [1, 1]


def test_sources_that_are_left_out_are_in_no_part():
    drawn = draw_sources(hashes(1, 2, 3, 4), {"test": 4}, seed=1, left_out={1, 2})
    assert drawn["test"] <= {3, 4}
    assert len(drawn["test"]) == 1


def test_too_few_sources_are_refused_with_what_to_do():
    with pytest.raises(DataError, match="2 different sources are too few .* validation and test: expected 3 at least"):
        draw_sources(hashes(1, 1, 2), {"validation": 1, "test": 1}, seed=1)

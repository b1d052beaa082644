"""Figures for people. Expected values are worked out by hand."""

import pytest

from seq2seq.base.formats import format_bytes, format_count, format_p_value, format_part, format_seconds, format_share


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 5, "0.0%"), (1, 3000, "under 0.1%"), (1, 8, "12.5%"), (2999, 3000, "over 99.9%"), (5, 5, "100.0%")],
)
def test_shares_are_never_rounded_to_none_or_all(part, whole, text):
    assert format_share(part, whole) == text


def test_share_of_nothing_is_none():
    assert format_share(0, 0) == "0.0%"


def test_one_thing_is_not_several():
    assert [format_count(count, "row") for count in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]


def test_count_stands_with_its_share():
    assert format_part(1200, 9600) == "1,200 (12.5%)"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "< 0.0001"), (0.00009, "< 0.0001"), (0.0001, "0.0001"), (0.0421, "0.0421"), (1, "1.0000")]
)
def test_p_values_are_never_zero(value, text):
    assert format_p_value(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "0.25 s"), (59, "59 s"), (90, "1.5 min"), (5400, "1.5 h"), (129600, "1.5 days")]
)
def test_durations_are_read_in_their_largest_unit(seconds, text):
    assert format_seconds(seconds) == text


def test_bytes_are_decimal():
    assert format_bytes(1_500_000_000) == "1.5 GB"
    assert format_bytes(24_800_000) == "24.8 MB"

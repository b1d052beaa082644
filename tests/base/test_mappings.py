"""Nested mappings."""

from seq2seq.base.mappings import list_keys


def test_keys_of_several_mappings_are_listed_once_in_the_order_in_which_they_come():
    assert list_keys([{"b": 1, "a": 2}, {"c": 3, "a": 4}]) == ["b", "a", "c"]

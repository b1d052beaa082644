"""Columns: found by name or dotted path, several joined to one text, and errors that say what was found."""

import pytest
from pydantic import ValidationError

from seq2seq.base.errors import DataError
from seq2seq.data.examples import read_filled_text
from seq2seq.data.options import ColumnOptions, LayoutOptions
from seq2seq.data.references import read_reference_list
from seq2seq.sources.columns import Row, find_value, read_text


def row(**values) -> Row:
    return Row("a.jsonl line 17", values)


def test_texts_of_several_columns_are_joined_by_a_space():
    assert read_text(row(a=" one ", b="two\n", c="three"), ["b", "a", "c"], "") == "two one three"


@pytest.mark.parametrize("missing", ["", "  ", None])
def test_column_without_a_text_is_left_out_of_several(missing):
    assert read_text(row(a="one", b=missing, c="three"), ["a", "b", "c"], "") == "one three"


@pytest.mark.parametrize("missing", ["", " ", None])
def test_several_columns_without_any_text_are_refused(missing):
    message = r"^a\.jsonl line 17: columns 'a', 'b' are empty\. Remove the row or give it a text\."
    with pytest.raises(DataError, match=message):
        read_filled_text(row(a=missing, b=""), ["a", "b"], (), "")


def test_one_of_several_columns_must_still_be_there():
    with pytest.raises(DataError, match=r"line 17: column 'b' is missing \(found: 'a'\)\. Say so\."):
        read_text(row(a="one"), ["a", "b"], "Say so.")


def test_one_of_several_columns_must_hold_text():
    with pytest.raises(DataError, match=r"line 17: column 'b' holds int, expected text\."):
        read_text(row(a="one", b=2), ["a", "b"], "")


def test_text_that_normalization_empties_is_refused():
    with pytest.raises(DataError, match=r"column 'a' is empty after normalization"):
        read_filled_text(row(a="<::::>"), ["a"], ["join_sentences"], "")


def test_dots_lead_into_columns():
    assert find_value(row(a={"b": {"c": "deep"}}), "a.b.c", "") == "deep"


def test_column_whose_own_name_has_the_dot_goes_before():
    values = {"a.b": "flat", "a": {"b": "deep"}}
    assert find_value(Row("", values), "a.b", "") == "flat"


def test_dots_may_be_part_of_a_name_on_the_way():
    assert find_value(Row("", {"a.b": {"c.d": "deep"}, "a": {"b": None}}), "a.b.c.d", "") == "deep"


def test_missing_path_is_named_with_those_there_are():
    message = r"column 't\.fr' is missing \(found: 't\.de', 't\.en', 'id'\)\. Set it\."
    with pytest.raises(DataError, match=message):
        read_text(row(t={"de": "a", "en": "b"}, id=1), ["t.fr"], "Set it.")


def test_path_into_a_text_is_missing():
    with pytest.raises(DataError, match=r"column 't\.en' is missing \(found: 't'\)"):
        read_text(row(t="a"), ["t.en"], "")


def test_column_of_columns_is_refused_with_their_names():
    with pytest.raises(
        DataError, match=r"column 't' holds columns, expected text\. Name one of them: 't\.de', 't\.en'"
    ):
        read_text(row(t={"de": "a", "en": "b"}), ["t"], "")


def test_references_may_lie_deeper():
    assert read_reference_list(row(answers={"all": ["a", "b"]}), "answers.all") == ("a", "b")


@pytest.mark.parametrize("names", [[], [""], ["a", ""]])
def test_columns_without_a_name_are_refused(names):
    with pytest.raises(ValidationError, match="name at least one column"):
        ColumnOptions(source=names)


@pytest.mark.parametrize("options", [{"header": ["a", "b", "a"]}, {"columns": {"source": ["a", "a"]}}])
def test_name_given_twice_is_refused(options):
    with pytest.raises(ValidationError, match="'a' named more than once"):
        LayoutOptions(**options)

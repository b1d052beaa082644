"""Which columns are taken, from rows made by hand."""

import pytest

from seq2seq.base.errors import DataError
from seq2seq.sources.columns import Row
from seq2seq.verbs.init.columns import choose_columns

LONG = "a text that is long enough to be a source of the other one"
SHORT = "a short text"


def choose(values: dict, **given):
    return choose_columns("a.csv", [Row(f"a.csv line {line}", values) for line in (2, 3)], **given)


@pytest.mark.parametrize(
    ("values", "source", "target"),
    [
        ({"id": "7", "article": LONG, "highlights": SHORT}, "article", "highlights"),
        ({"summary": SHORT, "Document": LONG}, "Document", "summary"),  # in any order and case
        ({"text": LONG, "title": "a", "summary": SHORT}, "text", "summary"),  # the pair that is usual goes first
        ({"src": SHORT, "tgt": SHORT}, "src", "tgt"),
        ({"text": LONG, "label": "good"}, "text", "label"),
        ({"input": SHORT, "output": SHORT, "url": "http"}, "input", "output"),
        ({"question": SHORT, "headline": SHORT}, "question", "headline"),  # no usual pair, one of each
        ({"en": SHORT, "de": SHORT}, "en", "de"),
        ({"de_DE": SHORT, "fr-FR": SHORT}, "de_DE", "fr-FR"),
        ({"id": 1, "translation": {"en": SHORT, "fr": SHORT}}, "translation.en", "translation.fr"),
        ({"kurz": SHORT, "lang_text": LONG}, "lang_text", "kurz"),  # by lengths alone
        ({"kurz": SHORT, "lang_text": LONG, "id": "train_7"}, "lang_text", "kurz"),
    ],
)
def test_columns_are_found(values, source, target):
    chosen = choose(values)
    assert (chosen.source, chosen.target) == ((source,), (target,))


def test_what_was_not_taken_is_told():
    assert choose({"article": LONG, "highlights": SHORT, "title": "A"}).others == ("title",)


def test_given_columns_are_taken_as_they_are():
    chosen = choose({"a": LONG, "b": SHORT}, source=("b",), target=("a",))
    assert (chosen.source, chosen.target, chosen.why) == (("b",), ("a",), "as you said")


def test_the_other_side_of_a_given_one_is_found():
    assert choose({"a": SHORT, "b": SHORT}, source=("b",)).target == ("a",)
    assert choose({"text": SHORT, "b": SHORT, "c": SHORT}, target=("b",)).source == ("text",)


@pytest.mark.parametrize(
    "values",
    [
        {"a": SHORT, "b": "as long, it is"},
        {"a": LONG, "b": SHORT, "c": SHORT},
        {"en": SHORT, "de": SHORT, "fr": SHORT},
    ],
)
def test_what_nobody_can_tell_is_refused_with_all_columns_and_samples(values):
    with pytest.raises(DataError, match="Set data.columns.source and data.columns.target") as refused:
        choose(values)
    for name, sample in values.items():
        assert f"{name!r}, {len(sample)} characters in the middle: {sample}" in str(refused.value)


def test_one_column_of_texts_is_too_few():
    with pytest.raises(DataError, match=r"expected two columns of texts, .*, found 1 \(found: 'text'\)"):
        choose({"text": LONG, "label": 3})

"""What anybody can write without a model."""

import pytest

from seq2seq.metrics.baselines import measure_mean_words, name_first_words, name_lead, take_first_words, take_lead


@pytest.mark.parametrize(
    ("source", "sentences", "lead"),
    [
        ("A b. C d. E", 1, "A b."),
        ("A b. C d. E", 2, "A b. C d."),
        ("#1#: Hi\n#2#: Ho\n#1#: Hu", 2, "#1#: Hi #2#: Ho"),  # a dialogue's turns
        ("A b", 3, "A b"),
        ("", 1, ""),
    ],
)
def test_lead_is_the_first_sentences(source, sentences, lead):
    assert take_lead(source, sentences) == lead


@pytest.mark.parametrize(("words", "text"), [(1, "a"), (3, "a b, c"), (9, "a b, c d")])
def test_first_words_are_cut_at_white_space(words, text):
    assert take_first_words("a  b,\nc d", words) == text


@pytest.mark.parametrize(("texts", "mean"), [(["a b", "a b c"], 2), (["a b", "a b c", "a b c"], 3), ([""], 1)])
def test_mean_number_of_words_is_whole_and_at_least_one(texts, mean):
    # 5/2 and 8/3; Python rounds halves to the even number.
    assert measure_mean_words(texts) == mean


def test_rows_are_named_by_their_numbers():
    assert [name_lead(1), name_lead(3)] == ["first sentence of the source", "first 3 sentences of the source"]
    assert [name_first_words(1), name_first_words(17)] == ["first word of the source", "first 17 words of the source"]

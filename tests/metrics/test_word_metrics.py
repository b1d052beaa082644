"""Exact match, repetition, length ratio and copied words, by counting."""

import pytest

from seq2seq.metrics.repetition import FUNCTION_WORDS, is_content_word
from seq2seq.metrics.table import METRICS
from seq2seq.metrics.words import list_words, split_sentences


def score(name, predictions, references=None, sources=None) -> float:
    references = references or [["x"]] * len(predictions)
    statistics = METRICS[name].compute_statistics(sources or [""] * len(predictions), predictions, references)
    return float(METRICS[name].aggregate(statistics.sum(axis=0)))


@pytest.mark.parametrize(
    ("predictions", "references", "percent"),
    [
        (["a", "b", "c", "d"], [["a"], ["x"], ["c"], ["D"]], 50.0),  # 2 of 4
        (["a"], [["b", "a"]], 100.0),  # any reference
        (["a"], [["ab"]], 0.0),
        (["a "], [["a"]], 0.0),  # as they are
        (["", "b", "c"], [[""], ["x"], ["y"]], 100 / 3),
    ],
)
def test_exact_match_is_the_share_of_predictions_that_equal_a_reference(predictions, references, percent):
    assert score("exact_match", predictions, references) == percent


@pytest.mark.parametrize("name", ["exact_match", "length_ratio"])
def test_lists_of_different_lengths_are_refused(name):
    with pytest.raises(ValueError, match="zip"):
        score(name, ["a", "b"], [["a"]])


def test_copied_words_refuses_lists_of_different_lengths():
    with pytest.raises(ValueError, match="zip"):
        score("copied_words", ["a", "b"], sources=["a"])


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("The dog saw the cat and the bird.", False),  # function words alone
        ("The dog saw the Dog.", True),  # in any case of letters
        ("The dogs saw the dog.", False),  # other forms are other words
        ("It's here, it’s there.", False),  # either apostrophe
        ("In 1990 and 1990, 3.5 of 3.5 [ ] [ ]", False),  # figures and marks are no words of letters
        ("Die Katze und die Katze", True),
        ("बिल्ली और बिल्ली", True),  # its vowels are marks that combine with letters
        ("बिल्ली बिल्ला", False),
        ("", False),
    ],
)
def test_repetition_is_of_words_of_letters_that_are_no_function_words(text, repeats):
    assert score("repetition", [text]) == 100.0 * repeats


def test_repetition_is_a_share_of_the_predictions():
    assert score("repetition", ["a dog dog", "a cat", "a cat", "a cat"]) == 25.0


def test_function_words_are_no_content_words():
    assert not any(is_content_word(word) for word in FUNCTION_WORDS)


@pytest.mark.parametrize(
    ("predictions", "references", "ratio"),
    [
        (["a b c", "a"], [["a b"], ["a b"]], 1.0),  # 4 of 4: sums, not a mean of ratios
        (["a, b."], [["a b c d"]], 0.5),  # marks are no words
        (["नमस्ते"], [["नमस्ते दुनिया"]], 0.5),  # nor do they part words where they combine with letters
        (["a b c"], [["a", "a b c d", "a b c d e f"]], 0.75),  # the closest of several
        (["a b c"], [["a b c d", "a b"]], 1.5),  # of two as close the shorter
        ([""], [["a b"]], 0.0),
        (["."], [["..."]], 1.0),  # no word and none wanted
        (["a b"], [["..."]], 3.0),
    ],
)
def test_length_ratio_is_words_over_words_of_the_closest_reference(predictions, references, ratio):
    assert score("length_ratio", predictions, references) == ratio


@pytest.mark.parametrize(
    ("sources", "predictions", "percent"),
    [
        (["a b c"], ["a d"], 50.0),
        (["a b c", "a"], ["a b c", "d"], 75.0),  # 3 of 4 words: a long text weighs more
        (["The cat."], ["the, CAT"], 100.0),  # words alone, in any case of letters
        (["a"], ["a a a"], 100.0),
        (["a"], [""], 0.0),
    ],
)
def test_copied_words_is_the_share_of_written_words_that_the_source_has(sources, predictions, percent):
    assert score("copied_words", predictions, sources=sources) == percent


def test_words_are_runs_of_letters_and_digits():
    assert list_words("It's 3.5, “naïve” re-runs\n(x_1)") == ["it's", "3", "5", "naïve", "re", "runs", "x_1"]


def test_accents_belong_to_their_words():
    assert list_words("Cafe\u0301s नमस्ते") == ["cafe\u0301s", "नमस्ते"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("A b. C d? E! F", ["A b.", "C d?", "E!", "F"]),
        ("A b . C d .", ["A b .", "C d ."]),  # spaced as WikiSplit is
        ("A\n\n B. \nC", ["A", "B.", "C"]),
        ("3.5 is a.b", ["3.5 is a.b"]),  # no white space behind the mark
        ("Dr. No", ["Dr.", "No"]),  # as documented
        (" \n ", []),
    ],
)
def test_sentences_end_at_line_breaks_and_marks(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.timeout(20)  # minutes, where every space looks for a line break behind all the others
def test_sentences_of_a_text_with_very_many_spaces_are_found():
    assert split_sentences("a" + " " * 300_000 + "b") == ["a" + " " * 300_000 + "b"]

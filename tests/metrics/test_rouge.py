"""ROUGE against rouge_score itself: F1 with stemming, best reference, mean over the texts."""

import random

import pytest
from rouge_score.rouge_scorer import RougeScorer

from seq2seq.metrics.rouge import find_common_subsequence, list_sentences, list_stems, measure_common_subsequence
from seq2seq.metrics.table import METRICS

NAMES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
# Short words that often repeat, so that several longest subsequences tie; some are stemmed, some are no words.
WORDS = ["cats", "cat", "sitting", "sits", "a", "b", "The", "mat-like", "naïve", "--", "3.5", "running"]


def build_text(generator: random.Random) -> str:
    lines = [" ".join(generator.choices(WORDS, k=generator.randint(0, 7))) for _ in range(generator.randint(2, 4))]
    return "\n".join(lines)


def build_pairs(count: int, seed: int) -> tuple[list[str], list[list[str]]]:
    generator = random.Random(seed)
    predictions = [build_text(generator) for _ in range(count)]
    return predictions, [[build_text(generator) for _ in range(generator.randint(1, 3))] for _ in range(count)]


def score_texts(name, predictions, references) -> list[float]:
    return METRICS[name].compute_statistics([], predictions, references)[:, 0].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_every_text_equals_rouge_score_with_the_best_reference(name):
    predictions, references = build_pairs(300, seed=1)
    scorer = RougeScorer([name], use_stemmer=True)
    expected = [
        scorer.score_multi(allowed, prediction)[name].fmeasure
        for prediction, allowed in zip(predictions, references, strict=True)
    ]
    assert len(set(expected)) > 50
    assert score_texts(name, predictions, references) == expected


def compute_length_slowly(first, second) -> int:
    if not first or not second:
        return 0
    if first[-1] == second[-1]:
        return compute_length_slowly(first[:-1], second[:-1]) + 1
    return max(compute_length_slowly(first[:-1], second), compute_length_slowly(first, second[:-1]))


def test_common_subsequence_is_as_long_as_by_its_definition():
    generator = random.Random(5)
    for _ in range(100):
        first, second = (tuple(generator.choices("abcd", k=generator.randint(0, 7))) for _ in range(2))
        expected = compute_length_slowly(first, second)
        positions = find_common_subsequence(first, second)
        assert measure_common_subsequence(first, second) == expected == len(positions)
        assert positions == sorted(set(positions), reverse=True)


def test_rouge_of_a_small_case_by_hand():
    # "a b c d" against "a b x d": 3 of 4 words; 1 of 3 pairs; the longest common subsequence "a b d" is 3 of 4.
    scores = [score_texts(name, ["alpha beta gamma delta"], [["alpha beta nu delta"]])[0] for name in NAMES]
    assert scores == pytest.approx([0.75, 1 / 3, 0.75, 0.75])


def test_lsum_of_a_text_without_line_breaks_takes_its_sentences():
    # The reference's sentences in the other order: as one line the longest common subsequence is one sentence, 3 of 6
    # words; sentence by sentence every word is covered.
    reference, prediction = "One two three. Four five six.", "Four five six. One two three."
    assert score_texts("rougeL", [prediction], [[reference]]) == [0.5]
    assert score_texts("rougeLsum", [prediction], [[reference]]) == [1.0]
    assert score_texts("rougeLsum", [prediction], [["One two three.\nFour five six."]]) == [1.0]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("A b. C d? E", ["A b.", "C d?", "E"]),
        ("A b. C d\nE. F", ["A b. C d", "E. F"]),  # with line breaks, at those alone
        ("A b. C\n", ["A b.", "C"]),  # a break at the end parts nothing
        ("", []),
    ],
)
def test_sentences_are_lines_or_end_at_marks(text, sentences):
    assert list_sentences(text) == sentences


def test_words_are_rouge_scores():
    assert list_stems("The Cats' sitting-rooms, 3x") == ("the", "cat", "sit", "room", "3x")


@pytest.mark.parametrize("name", NAMES)
def test_empty_prediction_scores_zero(name):
    assert score_texts(name, [""], [["a word"]]) == [0.0]


@pytest.mark.parametrize("name", NAMES)
def test_corpus_value_is_the_mean_over_the_texts(name):
    predictions, references = build_pairs(20, seed=2)
    statistics = METRICS[name].compute_statistics([], predictions, references)
    expected = 100 * sum(score_texts(name, predictions, references)) / 20
    assert METRICS[name].aggregate(statistics.sum(axis=0)) == pytest.approx(expected)


def test_rouge_refuses_lists_of_different_lengths():
    with pytest.raises(ValueError, match="zip"):
        METRICS["rouge1"].compute_statistics([], ["a", "b"], [["a"]])

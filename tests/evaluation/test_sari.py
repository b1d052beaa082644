"""SARI against a literal implementation of its formula, hand arithmetic, and limits that hold by definition."""

import random
from fractions import Fraction

import pytest

from seq2seq.evaluation.sari import compute_sari, compute_sentence_sari


def list_ngrams(text: str, order: int) -> list[str]:
    words = text.split()
    return [" ".join(words[start : start + order]) for start in range(len(words)) if start + order <= len(words)]


def mean(ratios: list[Fraction]) -> Fraction:
    return sum(ratios) / len(ratios) if ratios else Fraction(1)


def f1(precision: Fraction, recall: Fraction) -> Fraction:
    return 2 * precision * recall / (precision + recall) if precision + recall else Fraction(0)


def compute_slowly(source: str, prediction: str, references: list[str]) -> Fraction:
    """SARI in exact fractions, n-gram by n-gram: I is the source, O the prediction, R the mean over the references."""
    operations = []
    for order in (1, 2, 3, 4):
        read, wrote = list_ngrams(source, order), list_ngrams(prediction, order)
        allowed = [list_ngrams(reference, order) for reference in references]
        everything = sorted({*read, *wrote, *(ngram for ngrams in allowed for ngram in ngrams)})
        counts = {}
        for ngram in everything:
            share = Fraction(sum(ngrams.count(ngram) for ngrams in allowed), len(references))
            counts[ngram] = (read.count(ngram), wrote.count(ngram), share)

        keep_precision = [Fraction(min(i, o, r)) / min(i, o) for i, o, r in counts.values() if min(i, o) > 0]
        keep_recall = [Fraction(min(i, o, r)) / min(i, r) for i, o, r in counts.values() if min(i, r) > 0]
        delete = [Fraction(min(i - o, max(i - r, 0))) / (i - o) for i, o, r in counts.values() if i > o]
        add_precision = [Fraction(r > 0) for i, o, r in counts.values() if o > 0 and i == 0]
        add_recall = [Fraction(o > 0) for i, o, r in counts.values() if r > 0 and i == 0]
        operations += [
            f1(mean(keep_precision), mean(keep_recall)),
            mean(delete),
            f1(mean(add_precision), mean(add_recall)),
        ]
    return 100 * sum(operations) / 12


def build_sentence(generator: random.Random, words: str) -> str:
    return " ".join(generator.choices(words, k=generator.randint(1, 9)))


@pytest.mark.parametrize("words", ["ab", "abcd", "abcdefghijkl"])
@pytest.mark.parametrize("references", [1, 2, 3])
def test_sari_equals_the_formula_on_random_sentences(words, references):
    generator = random.Random(f"{words} {references}")
    for _ in range(60):
        source, prediction, *allowed = (build_sentence(generator, words) for _ in range(2 + references))
        assert compute_sentence_sari(source, prediction, allowed) == pytest.approx(
            float(compute_slowly(source, prediction, allowed)), abs=1e-9
        )


def test_sari_of_a_small_case_by_hand():
    # Source "a b", prediction "a c", reference "a d". Words: kept {a}, rightly, and keepable {a}: keep F1 = 1. Deleted
    # {b}, rightly: 1. Added {c}, wrongly, addable {d}: 0. Mean 2/3. Pairs of words: none kept, none keepable, 0/0:
    # keep 1. Deleted {a b}, rightly: 1. Added {a c}, wrongly: 0. Mean 2/3. No triples and fours: 0/0, so 1 each.
    # SARI = (2/3 + 2/3 + 1 + 1) / 4 = 10/12.
    assert compute_sentence_sari("a b", "a c", ["a d"]) == pytest.approx(100 * 10 / 12)


def test_word_of_one_of_two_references_counts_half():
    # Single words, so that orders 2 to 4 are 1 each. "a" is kept, one of the two references has it: precision 1/2,
    # recall (1/2) / (1/2) = 1, F1 = 2/3. Nothing deleted: 1. Nothing added, "b" addable: recall 0, so F1 = 0.
    # Order 1 is (2/3 + 1 + 0) / 3 = 5/9; SARI = (5/9 + 3) / 4.
    assert compute_sentence_sari("a", "a", ["a", "b"]) == pytest.approx(100 * (5 / 9 + 3) / 4)


@pytest.mark.parametrize(
    ("source", "target"), [("a b c d e", "a c d f g"), ("a b", "a b"), ("a", "b"), ("a a b", "a b b")]
)
def test_prediction_of_the_only_reference_scores_100(source, target):
    assert compute_sentence_sari(source, target, [target]) == pytest.approx(100)


def test_sari_does_not_depend_on_the_order_of_the_references():
    first = compute_sentence_sari("a b c d", "a c e", ["a c", "c d e", "b"])
    assert compute_sentence_sari("a b c d", "a c e", ["b", "a c", "c d e"]) == pytest.approx(first)


def test_white_space_only_parts_words():
    assert compute_sentence_sari(" a  b ", "a\tc", ["a d\n"]) == compute_sentence_sari("a b", "a c", ["a d"])


def test_empty_prediction_is_scored():
    # Orders: "a" deleted, rightly (1) though kept none of none (keep 1), added none of {b} (0): 2/3; the others 1.
    assert compute_sentence_sari("a", "", ["b"]) == pytest.approx(100 * (2 / 3 + 3) / 4)


def test_corpus_value_is_the_mean_over_sentences():
    rows = [("a b", "a c", ["a d"]), ("a", "a", ["a", "b"]), ("a b c", "c b", ["c b a"])]
    single = [compute_sentence_sari(*row) for row in rows]
    assert compute_sari(*zip(*rows, strict=True)) == pytest.approx(sum(single) / 3)


def test_sari_refuses_lists_of_different_lengths():
    with pytest.raises(ValueError, match="zip"):
        compute_sari(["a"], ["a", "b"], [["a"], ["b"]])


@pytest.mark.parametrize(
    ("prediction", "published"),
    [
        ("About 95 you now get in .", 0.2683),
        ("About 95 species are now agreed .", 0.5889),
        ("About 95 species are currently agreed .", 0.5071),
    ],
)
def test_sari_of_the_authors_own_example(prediction, published):
    # Source, outputs, references and values as in SARI.py of github.com/cocoxu/simplification, to its four digits; no
    # count of the example is 0/0 where the variants differ.
    source = "About 95 species are currently accepted ."
    references = [
        "About 95 species are currently known .",
        "About 95 species are now accepted .",
        "95 species are now accepted .",
    ]
    assert compute_sentence_sari(source, prediction, references) == pytest.approx(100 * published, abs=0.01)

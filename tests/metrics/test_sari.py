"""SARI against literal implementations of its formulas, published values, hand arithmetic, and limits by definition.

The letters are the paper's: I the source's n-grams, O the prediction's, R the references'.
"""

import random
from fractions import Fraction

import pytest

from seq2seq.metrics.table import METRICS

SOURCE = "About 95 species are currently accepted ."
REFERENCES = [
    "About 95 species are currently known .",
    "About 95 species are now accepted .",
    "95 species are now accepted .",
]
OUTPUTS = [
    "About 95 you now get in .",
    "About 95 species are now agreed .",
    "About 95 species are currently agreed .",
]


def list_ngrams(text: str, order: int) -> list[str]:
    words = text.split()
    return [" ".join(words[start : start + order]) for start in range(len(words)) if start + order <= len(words)]


def f1(precision: Fraction, recall: Fraction) -> Fraction:
    return 2 * precision * recall / (precision + recall) if precision + recall else Fraction(0)


def pool(rightly: list, done: list) -> Fraction:
    """Sum over sum, as in equations 1 to 5 of the paper; 0/0 is 1."""
    return Fraction(sum(rightly)) / sum(done) if sum(done) else Fraction(1)


def compute_slowly(source: str, prediction: str, references: list[str], deletion_by_f1: bool = True) -> Fraction:
    """SARI in exact fractions by the paper's equations: # is a binary indicator of an n-gram's occurrence, and of
    several references a fractional one; F1 of each order. With the precision of deletion alone, as the paper has it,
    or its F1."""
    operations = []
    for order in (1, 2, 3, 4):
        i_set, o_set = set(list_ngrams(source, order)), set(list_ngrams(prediction, order))
        allowed = [set(list_ngrams(reference, order)) for reference in references]
        allowed = [ngrams for ngrams in allowed if ngrams]
        i, o, r_any, r = {}, {}, {}, {}
        everything = sorted(i_set.union(o_set, *allowed))
        for g in everything:
            i[g], o[g] = int(g in i_set), int(g in o_set)
            r_any[g] = int(any(g in ngrams for ngrams in allowed))
            r[g] = Fraction(sum(g in ngrams for ngrams in allowed), len(allowed)) if allowed else Fraction(0)

        added = [max(o[g] - i[g], 0) for g in everything]
        addable = [max(r_any[g] - i[g], 0) for g in everything]
        rightly_added = [min(max(o[g] - i[g], 0), r_any[g]) for g in everything]
        kept = [min(i[g], o[g]) for g in everything]
        keepable = [min(i[g], r[g]) for g in everything]
        rightly_kept = [min(i[g], o[g], r[g]) for g in everything]
        deleted = [max(i[g] - o[g], 0) for g in everything]
        deletable = [max(i[g] - r[g], 0) for g in everything]
        rightly_deleted = [min(max(i[g] - o[g], 0), max(i[g] - r[g], 0)) for g in everything]
        precision = pool(rightly_deleted, deleted)
        operations += [
            f1(pool(rightly_kept, kept), pool(rightly_kept, keepable)),
            f1(pool(rightly_added, added), pool(rightly_added, addable)),
            f1(precision, pool(rightly_deleted, deletable)) if deletion_by_f1 else precision,
        ]
    return sum(operations) / 12


def mean(ratios: list[Fraction]) -> Fraction:
    """Mean over n-grams; 0/0 is 0."""
    return sum(ratios) / len(ratios) if ratios else Fraction(0)


def compute_xu_slowly(source: str, prediction: str, references: list[str]) -> Fraction:
    """What the authors' script computes, in exact fractions: counts, of references their mean; ratios n-gram by
    n-gram, then their mean."""
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
    return sum(operations) / 12


SLOWLY = {"sari": compute_slowly, "sari_xu": compute_xu_slowly}


def score(name: str, source: str, prediction: str, references: list[str]) -> float:
    """0 to 1, of one text."""
    return METRICS[name].compute_statistics([source], [prediction], [references])[0, 0]


def build_text(generator: random.Random, words: str) -> str:
    return " ".join(generator.choices(words, k=generator.randint(1, 9)))


@pytest.mark.parametrize("name", ["sari", "sari_xu"])
@pytest.mark.parametrize("words", ["ab", "abcd", "abcdefghijkl"])
@pytest.mark.parametrize("references", [1, 2, 3])
def test_sari_equals_the_formula_on_random_texts(name, words, references):
    generator = random.Random(f"{words} {references}")
    for _ in range(60):
        source, prediction, *allowed = (build_text(generator, words) for _ in range(2 + references))
        expected = float(SLOWLY[name](source, prediction, allowed))
        assert score(name, source, prediction, allowed) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("prediction", "published"),
    zip(OUTPUTS, [0.2682782411698074, 0.5889995423074248, 0.5071608864657479], strict=True),
)
def test_sari_xu_of_the_authors_example_is_the_published_value(prediction, published):
    # Values of the authors' script (SARI.py of github.com/cocoxu/simplification) as EASSE's tests list them.
    assert score("sari_xu", SOURCE, prediction, REFERENCES) == pytest.approx(published, abs=1e-15)


@pytest.mark.parametrize(("prediction", "published"), zip(OUTPUTS, [0.2695360, 0.6170966, 0.5088682], strict=True))
def test_formula_of_sari_with_precision_of_deletion_gives_tensor2tensors_published_values(prediction, published):
    # From tensor2tensor's sari_hook_test.py, with deletion by precision. The formula with deletion by F1, which
    # LaserTagger asks tensor2tensor for, is the one that `sari` is held equal to above.
    value = compute_slowly(SOURCE, prediction, REFERENCES, deletion_by_f1=False)
    assert float(value) == pytest.approx(published, abs=5e-8)


def test_sari_of_a_small_case_by_hand():
    # Source "a b", prediction "a c", reference "a d". Words: kept {a}, rightly, and keepable {a}: keep F1 = 1. Deleted
    # {b}, rightly, and deletable {b}: 1. Added {c}, wrongly, addable {d}: 0. Pairs of words: none kept, none keepable,
    # 0/0: 1. Deleted {a b}, rightly: 1. Added {a c}, wrongly: 0. No triples and fours: 0/0, so 1 each. Together
    # (2 + 2 + 3 + 3) / 12; with 0/0 as 0 (2 + 1 + 0 + 0) / 12.
    assert score("sari", "a b", "a c", ["a d"]) == pytest.approx(10 / 12)
    assert score("sari_xu", "a b", "a c", ["a d"]) == pytest.approx(3 / 12)


def test_word_of_one_of_two_references_counts_half():
    # Single words, so that orders 2 to 4 are 0/0. "a" is kept, one of the two references has it: precision 1/2,
    # recall (1/2) / (1/2) = 1, F1 = 2/3. Nothing added, "b" addable: 0. Nothing deleted, though half of "a" was to be:
    # precision 1, recall 0, F1 = 0. The script looks at no recall of deletion, and has 0 for 0/0.
    assert score("sari", "a", "a", ["a", "b"]) == pytest.approx((2 / 3 + 9) / 12)
    assert score("sari_xu", "a", "a", ["a", "b"]) == pytest.approx((2 / 3) / 12)


@pytest.mark.parametrize(
    ("source", "target"), [("a b c d e", "a c d f g"), ("a b", "a b"), ("a", "b"), ("a a b", "a b b")]
)
def test_prediction_of_the_only_reference_scores_100(source, target):
    assert score("sari", source, target, [target]) == pytest.approx(1)


def test_text_with_nothing_to_add_or_delete_is_where_the_two_differ_most():
    # All four orders: kept rightly, 1; nothing added nor deleted nor to be, 1 or 0.
    assert score("sari", "a b c d", "a b c d", ["a b c d"]) == 1.0
    assert score("sari_xu", "a b c d", "a b c d", ["a b c d"]) == pytest.approx(1 / 3)


def test_repeated_words_count_once_in_sari_and_each_time_in_the_script():
    assert score("sari", "a a", "a", ["a"]) != score("sari_xu", "a a", "a", ["a"])
    # Words: kept and keepable {a}. In the script one "a" is deleted too, rightly; the pair "a a" is deleted in both.
    assert score("sari_xu", "a a", "a", ["a"]) == pytest.approx((1 + 1 + 1) / 12)
    assert score("sari", "a a", "a", ["a"]) == 1.0


@pytest.mark.parametrize("name", ["sari", "sari_xu"])
def test_sari_does_not_depend_on_the_order_of_the_references(name):
    first = score(name, "a b c d", "a c e", ["a c", "c d e", "b"])
    assert score(name, "a b c d", "a c e", ["b", "a c", "c d e"]) == pytest.approx(first)


@pytest.mark.parametrize("name", ["sari", "sari_xu"])
def test_white_space_only_parts_words(name):
    assert score(name, " a  b ", "a\tc", ["a d\n"]) == score(name, "a b", "a c", ["a d"])


@pytest.mark.parametrize("name", ["sari", "sari_xu"])
def test_corpus_value_is_the_mean_over_texts(name):
    rows = [("a b", "a c", ["a d"]), ("a", "a", ["a", "b"]), ("a b c", "c b", ["c b a"])]
    statistics = METRICS[name].compute_statistics(*zip(*rows, strict=True))
    expected = 100 * sum(score(name, *row) for row in rows) / 3
    assert METRICS[name].aggregate(statistics.sum(axis=0)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["sari", "sari_xu"])
def test_sari_refuses_lists_of_different_lengths(name):
    with pytest.raises(ValueError, match="zip"):
        METRICS[name].compute_statistics(["a"], ["a", "b"], [["a"], ["b"]])

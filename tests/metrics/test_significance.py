"""Intervals and paired tests against brute force over all draws, against loops, and on cases whose truth is known."""

import itertools

import numpy
import pytest

from seq2seq.metrics import significance
from seq2seq.metrics.significance import CHUNK, Bootstrap, compare_paired, compute_interval
from seq2seq.metrics.table import METRICS

MEAN = METRICS["exact_match"]  # any metric whose value is a mean
RATIO = METRICS["length_ratio"]


def rows(shares) -> numpy.ndarray:
    """Statistics of texts with these shares of 1."""
    return numpy.array([[share, 1.0] for share in shares])


def test_interval_equals_the_quantiles_over_all_possible_draws():
    # Three texts can be drawn in 27 equally likely ways; many seeded resamples come close to their quantiles. The
    # means are 0, 100/3, 200/3, 100 with 8, 12, 6, 1 of 27: the 30% quantile is 100/3, the 70% one is 100/3 too, and
    # the 5% and 95% ones are 0 and 200/3.
    statistics = rows([1, 0, 0])
    means = [100 * sum(draw) / 3 for draw in itertools.product([1, 0, 0], repeat=3)]
    for level in (0.4, 0.9):
        expected = numpy.quantile(means, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
        assert compute_interval(MEAN, statistics, resamples=20_000, level=level, seed=1) == pytest.approx(expected)


def test_resamples_are_sums_of_drawn_texts():
    # The columns (1, 2, 4, 8, 16) x 100^i would show any count that is not one of 5 draws.
    statistics = numpy.array([[1.0, float(100**index)] for index in range(5)])
    sums = significance._resample(statistics, 200, seed=3)
    assert (sums[:, 0] == 5).all()
    counts = [[int(value) // 100**index % 100 for index in range(5)] for value in sums[:, 1]]
    assert all(sum(row) == 5 for row in counts)
    assert len({tuple(row) for row in counts}) > 50
    assert numpy.mean(counts, axis=0) == pytest.approx([1] * 5, abs=0.25)  # each text once in the mean, sd 0.06


@pytest.mark.parametrize("chunk", [1, 7, 50])
def test_size_of_the_chunks_changes_nothing_but_the_draws_places(monkeypatch, chunk):
    statistics = rows([1, 0, 0, 1, 1])
    monkeypatch.setattr(significance, "CHUNK", chunk)
    assert significance._resample(statistics, 33, seed=3).shape == (33, 2)
    assert significance._exchange(statistics, 33, seed=3).shape == (33, 2)


def test_interval_of_a_mean_has_the_width_of_the_normal_distribution():
    # 2,000 texts, half of them right: the standard error is 100 x sqrt(0.25 / 2000) = 1.118 points.
    low, high = compute_interval(MEAN, rows([1, 0] * 1000), resamples=4000, seed=2)
    assert low == pytest.approx(50 - 1.96 * 1.118, abs=0.2)
    assert high == pytest.approx(50 + 1.96 * 1.118, abs=0.2)


def test_interval_of_texts_that_are_all_alike_is_a_point():
    assert compute_interval(MEAN, rows([0.25] * 40), seed=1) == (25.0, 25.0)


def test_interval_of_a_ratio_draws_both_of_its_sums_from_the_same_texts():
    # Written is half of wanted in every text, however long: every resample has the ratio 1/2.
    statistics = numpy.array([[length, 2 * length] for length in (1, 5, 40, 300)], dtype=float)
    assert compute_interval(RATIO, statistics, seed=1) == (0.5, 0.5)


def test_most_intervals_hold_the_truth():
    # 200 samples of 80 texts, of which 30% are right in truth: about 95% of the intervals hold 30.
    generator = numpy.random.default_rng(0)
    held = 0
    for seed in range(200):
        low, high = compute_interval(MEAN, rows(generator.random(80) < 0.3), resamples=400, seed=seed)
        held += low <= 30 <= high
    assert 180 <= held <= 199


@pytest.mark.parametrize("name", list(METRICS))
def test_same_seed_same_interval_and_another_seed_another(name):
    statistics = METRICS[name].compute_statistics(*TEXTS)
    first = compute_interval(METRICS[name], statistics, resamples=100, seed=1)
    assert compute_interval(METRICS[name], statistics, resamples=100, seed=1) == first
    others = {compute_interval(METRICS[name], statistics, resamples=5, seed=seed) for seed in range(10)}
    assert len(others) > 1


@pytest.mark.parametrize("name", list(METRICS))
def test_interval_lies_around_the_value(name):
    statistics = METRICS[name].compute_statistics(*TEXTS)
    low, high = compute_interval(METRICS[name], statistics, seed=1)
    assert low < METRICS[name].aggregate(statistics.sum(axis=0)) < high


# Twelve texts, a third of them right, some longer than their reference, some with repeated words.
TEXTS = (
    ["the red cat sat on the mat today"] * 12,
    ["the cat sat on the mat", "red cat sat cat today", "my red cat"] * 4,
    [["the cat sat on the mat"], ["red mat sat today", "cat sat on mats"], ["the red cat sat on it"]] * 4,
)


def list_p_value(a, b) -> float:
    """The share of all 2^n exchanges with a difference as large."""
    observed = abs(sum(a) - sum(b))
    exchanges = list(itertools.product([False, True], repeat=len(a)))
    as_large = 0
    for exchange in exchanges:
        difference = sum((y - x) if swap else (x - y) for x, y, swap in zip(a, b, exchange, strict=True))
        as_large += abs(difference) >= observed
    return as_large / len(exchanges)


@pytest.mark.parametrize(
    ("a", "b"),
    [([1, 1, 1, 0, 1, 1], [0, 0, 1, 1, 0, 0]), ([1, 0, 1, 0], [0, 0, 1, 0]), ([1] * 8, [0] * 8)],
)
def test_p_value_comes_close_to_that_over_all_exchanges(a, b):
    test = compare_paired(MEAN, rows(a), rows(b), trials=20_000, seed=1)
    assert test.p_value == pytest.approx(list_p_value(a, b), abs=0.01)
    assert test.difference == pytest.approx(100 * (sum(a) - sum(b)) / len(a))


def test_p_value_counts_the_outcome_itself():
    # 60 texts right against wrong: no exchange of 999 is as extreme, so p = (0 + 1) / (999 + 1).
    assert compare_paired(MEAN, rows([1] * 60), rows([0] * 60), trials=999, seed=1).p_value == 1 / 1000


def test_outputs_that_are_the_same_do_not_differ():
    test = compare_paired(MEAN, rows([1, 0, 1]), rows([1, 0, 1]), trials=50, seed=1)
    assert (test.difference, test.low, test.high, test.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_exchanged_outputs_exchange_the_signs():
    a, b = rows([1, 1, 0, 1, 0, 1, 1]), rows([0, 1, 0, 0, 1, 0, 1])
    there, back = (compare_paired(MEAN, *pair, trials=500, seed=4) for pair in ((a, b), (b, a)))
    assert (back.difference, back.low, back.high) == pytest.approx((-there.difference, -there.high, -there.low))
    assert back.p_value == there.p_value


def test_pairing_finds_what_two_intervals_alone_would_not():
    # Texts differ much (0 to 1), A is better than B on each by 0.01: apart, the intervals overlap widely.
    shares = numpy.linspace(0, 0.99, 100)
    a, b = rows(shares + 0.01), rows(shares)
    assert compute_interval(MEAN, a, seed=1)[0] < compute_interval(MEAN, b, seed=1)[1]
    test = compare_paired(MEAN, a, b, trials=999, seed=1)
    assert (test.low, test.high) == pytest.approx((1.0, 1.0))
    assert test.p_value == 0.001


def test_outputs_of_the_same_quality_are_seldom_found_to_differ():
    # 200 pairs of outputs that are both right by chance: p is below 0.05 in about 5% of them (10 of 200, sd 3).
    generator = numpy.random.default_rng(1)
    significant = 0
    for seed in range(200):
        a, b = (rows(generator.random(60) < 0.5) for _ in range(2))
        significant += compare_paired(MEAN, a, b, trials=199, resamples=10, seed=seed).p_value < 0.05
    assert significant <= 20


@pytest.mark.parametrize("name", list(METRICS))
def test_exchange_equals_a_loop_over_the_texts(name, monkeypatch):
    # Coins 1 0 1 0 ...: the outputs of every other differing text change sides.
    metric = METRICS[name]
    sources, _, references = TEXTS
    a = metric.compute_statistics(sources, ["the cat sat", "a red mat mat"] * 6, references)
    b = metric.compute_statistics(sources, ["the red red cat sat", "a mat"] * 6, references)
    moved = significance._exchange(b - a, 4, seed=9)
    sums = [tuple(numpy.round(row, 9)) for row in moved]
    differing = [row for row in b - a if row.any()]
    reachable = {
        tuple(numpy.round(sum((row for row, swap in zip(differing, coins, strict=True) if swap), 0 * a[0]), 9))
        for coins in itertools.product([0, 1], repeat=len(differing))
    }
    assert set(sums) <= reachable


def test_settings_name_what_was_drawn():
    assert Bootstrap(seed=7).to_dict() == {"resamples": 1000, "level": 0.95, "seed": 7}
    assert CHUNK >= 10_000  # a resample of ten thousand texts is one chunk, not many

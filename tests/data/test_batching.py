"""The order of the data: every example once an epoch, resumable, the same for any number of processes."""

import math
from collections import Counter
from itertools import chain

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.base.randomness import build_generator
from seq2seq.data.batching import BatchOrder, cut_by_budget, cut_by_length, cut_micro_batches

LENGTHS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 20)), min_size=1, max_size=60)
SIZES = st.one_of(
    st.fixed_dictionaries({"batch_examples": st.integers(1, 20)}),
    st.fixed_dictionaries({"batch_tokens": st.integers(1, 200)}),
)
quick = settings(max_examples=60, deadline=None)


def split(pairs) -> tuple[numpy.ndarray, numpy.ndarray]:
    sources, targets = zip(*pairs, strict=True)
    return numpy.array(sources, dtype=numpy.int32), numpy.array(targets, dtype=numpy.int32)


def build_order(pairs, *, seed=1, length_window=2, **size) -> BatchOrder:
    return BatchOrder(*split(pairs), seed=seed, length_window=length_window, **size)


def read(batches) -> list[list[int]]:
    return [batch.tolist() for batch in batches]


def flatten(rows) -> list:
    return list(chain.from_iterable(rows))


def random_pairs(count: int, seed: int = 0) -> list[tuple[int, int]]:
    return numpy.random.default_rng(seed).integers(1, 40, (count, 2)).tolist()


@quick
@given(LENGTHS, SIZES, st.integers(1, 4), st.integers(0, 3))
def test_every_example_comes_exactly_once_an_epoch(pairs, size, window, epoch):
    batches = read(build_order(pairs, length_window=window, **size).batches(epoch))
    assert sorted(index for batch in batches for index in batch) == list(range(len(pairs)))


@quick
@given(LENGTHS, SIZES, st.integers(1, 4), st.integers(0, 3), st.integers(0, 70))
def test_epoch_resumed_from_any_batch_is_the_tail_of_the_whole_epoch(pairs, size, window, epoch, start):
    order = build_order(pairs, length_window=window, **size)
    assert read(order.batches(epoch, start)) == read(order.batches(epoch))[start:]


@quick
@given(LENGTHS, SIZES, st.integers(1, 4), st.integers(0, 3))
def test_batches_of_an_epoch_are_counted_without_making_them(pairs, size, window, epoch):
    order = build_order(pairs, length_window=window, **size)
    assert order.count_batches(epoch) == len(read(order.batches(epoch)))


@quick
@given(LENGTHS, st.integers(1, 200), st.integers(1, 4))
def test_batch_has_at_most_its_tokens_or_a_single_pair(pairs, batch_tokens, window):
    for batch in build_order(pairs, length_window=window, batch_tokens=batch_tokens).batches(0):
        assert len(batch) == 1 or sum(sum(pairs[index]) for index in batch) <= batch_tokens


@pytest.mark.parametrize(("examples", "sizes"), [(10, [4, 4, 2]), (8, [4, 4]), (3, [3])])
def test_batches_are_full_but_the_last_of_the_epoch(examples, sizes):
    batches = read(build_order(random_pairs(examples), batch_examples=4).batches(0))
    assert sorted(map(len, batches), reverse=True) == sizes


def test_epoch_is_the_same_again():
    order = build_order(random_pairs(50), batch_examples=4)
    assert read(order.batches(3)) == read(order.batches(3))


@pytest.mark.parametrize("size", [{"batch_examples": 4}, {"batch_tokens": 150}])
def test_epochs_and_seeds_have_orders_of_their_own(size):
    orders = [build_order(random_pairs(50), seed=seed, **size).batches(epoch) for seed in (1, 2) for epoch in (0, 1)]
    assert len({str(read(batches)) for batches in orders}) == 4


def test_epochs_put_other_pairs_together():
    order = build_order(random_pairs(50), batch_examples=4)
    first, second = ({frozenset(batch) for batch in read(order.batches(epoch))} for epoch in (0, 1))
    # A given batch of 4 out of 50 pairs comes again by chance of less than one in 10,000.
    assert len(first & second) <= 1


def count_padded(pairs, batch) -> int:
    sources, targets = zip(*(pairs[index] for index in batch), strict=True)
    return len(batch) * (max(sources) + max(targets))


@pytest.mark.parametrize("size", [{"batch_examples": 8}, {"batch_tokens": 8000}])
def test_batches_of_one_window_need_less_padding_than_sorting_by_one_side_leaves(size):
    # Lengths of up to a thousand, of which those of one side tell nothing of the other's.
    pairs = [(25 * source + 3 * target % 25, 25 * target + 7 * source % 25) for source, target in random_pairs(2000)]
    batches = read(build_order(pairs, length_window=10_000, **size).batches(0))
    ranked = sorted(range(2000), key=lambda index: (pairs[index][1], pairs[index][0]))
    by_target = [ranked[start : start + 8] for start in range(0, 2000, 8)]
    assert sum(count_padded(pairs, batch) for batch in batches) < 0.9 * sum(
        count_padded(pairs, batch) for batch in by_target
    )


def test_pairs_long_on_one_side_are_parted_from_those_long_on_the_other():
    pairs = [(1, 9), (9, 1), (1, 8), (9, 2), (1, 7)]
    # The targets 1, 2, 7, 8, 9 halved behind the fourth pair: 4 x (9 + 8) + 1 x (1 + 9) = 78 padded tokens. The sources
    # 1, 1, 1, 9, 9 likewise, equal ones by target: 4 x (9 + 9) + 1 x (9 + 2) = 83. So the targets part first.
    assert read(cut_by_length(numpy.arange(5), *split(pairs), 2)) == [[1, 3], [4, 2], [0]]


def test_window_is_as_many_batches_as_asked_for():
    # 96 pairs whose targets alone differ, windows of 3 batches of 8 = 24 pairs: each window's batches tile one sorted
    # random quarter.
    pairs = [(1, target) for target, _ in random_pairs(96)]
    batches = read(build_order(pairs, length_window=3, batch_examples=8).batches(0))
    for start in range(0, 12, 3):
        window = sorted(sorted(pairs[index][1] for index in batch) for batch in batches[start:][:3])
        assert flatten(window) == sorted(flatten(window))
    assert flatten(sorted(sorted(pairs[i][1] for i in batch) for batch in batches)) != sorted(t for _, t in pairs)


def test_batches_of_a_window_come_in_random_order():
    pairs = [(1, number) for number in range(1, 101)]
    shortest = [pairs[batch[0]][1] for batch in build_order(pairs, length_window=100, batch_examples=5).batches(0)]
    assert shortest != sorted(shortest)


def test_window_of_one_batch_is_a_plain_random_order():
    # The first batch of 100 from 1000 pairs sorted by length: its mean index would be 50 or 950 if sorted, is 500 +- 29
    # (standard error of a uniform sample) if random; five of these errors are allowed.
    batch = next(
        build_order([(1, number + 1) for number in range(1000)], length_window=1, batch_examples=100).batches(0)
    )
    assert abs(batch.mean() - 499.5) < 145


def test_pairs_of_equal_length_keep_a_random_order():
    batch = next(build_order([(3, 3)] * 50, length_window=5, batch_examples=10).batches(0))
    assert batch.tolist() != sorted(batch.tolist())


@pytest.mark.parametrize(
    ("costs", "budget", "sizes"),
    [
        ([3, 3, 5, 9], 8, [2, 1, 1]),
        ([9, 9], 8, [1, 1]),
        ([4, 4, 4, 4], 8, [2, 2]),
        ([1, 9, 1], 8, [1, 1, 1]),
        ([], 8, []),
    ],
)
def test_groups_are_filled_to_the_budget(costs, budget, sizes):
    groups = cut_by_budget(numpy.arange(len(costs)), numpy.array(costs), budget)
    assert [len(group) for group in groups] == sizes
    assert flatten(read(groups)) == list(range(len(costs)))


# The fast ways against the slow obvious ones.


def fill_groups(indices: list[int], costs: list[int], budget: int) -> list[list[int]]:
    """One index after the other; a new group where the next does not fit."""
    groups, filled = [], 0
    for index, cost in zip(indices, costs, strict=True):
        filled += cost
        if not groups or filled > budget:
            groups.append([])
            filled = cost
        groups[-1].append(index)
    return groups


def halve_slowly(pairs, indices: list[int], size: int) -> list[list[int]]:
    """Groups of a size: halves between two of them, by target or, where that leaves less padding, by source."""
    if len(indices) <= size:
        return [indices]
    groups = math.ceil(len(indices) / size)
    middle = math.ceil(groups / 2) * size
    choices = []
    for first, second in ((1, 0), (0, 1)):
        ranked = sorted(indices, key=lambda index, a=first, b=second: (pairs[index][a], pairs[index][b]))
        choices.append((ranked[:middle], ranked[middle:]))
    halves = min(choices, key=lambda choice: sum(count_padded(pairs, half) for half in choice))
    return [group for half in halves for group in halve_slowly(pairs, half, size)]


def order_slowly(pairs, *, seed, length_window, epoch, batch_examples=None, batch_tokens=None) -> list[list[int]]:
    """The batches of an epoch by the definition: a permutation, windows, halved by length, cut, shuffled."""
    order = build_generator(seed, "order", epoch).permutation(len(pairs)).tolist()
    tokens = [sum(pairs[index]) for index in order]
    if batch_examples:
        size = batch_examples * length_window
        windows = [order[start : start + size] for start in range(0, len(order), size)]
    else:
        windows = fill_groups(order, tokens, batch_tokens * length_window)
    batches = []
    for number, window in enumerate(windows):
        if batch_examples:
            cut = halve_slowly(pairs, window, batch_examples)
        else:
            typical = max(1, batch_tokens * len(window) // sum(sum(pairs[index]) for index in window))
            ranked = flatten(halve_slowly(pairs, window, typical))
            cut = fill_groups(ranked, [sum(pairs[index]) for index in ranked], batch_tokens)
        batches += [cut[position] for position in build_generator(seed, "window", epoch, number).permutation(len(cut))]
    return batches


@quick
@given(LENGTHS, SIZES, st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
def test_batches_are_those_of_the_definition(pairs, size, window, epoch, seed):
    order = build_order(pairs, seed=seed, length_window=window, **size)
    expected = order_slowly(pairs, seed=seed, length_window=window, epoch=epoch, **size)
    assert read(order.batches(epoch)) == expected


def test_windows_of_thousands_of_pairs_are_those_of_the_definition():
    # Windows of 60,000 tokens hold more pairs than are looked at first.
    pairs = random_pairs(5000)
    size = {"batch_tokens": 2000, "length_window": 30}
    assert read(build_order(pairs, **size).batches(1)) == order_slowly(pairs, seed=1, epoch=1, **size)


@quick
@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 30))
def test_groups_are_those_filled_one_by_one(costs, budget):
    groups = cut_by_budget(numpy.arange(len(costs)), numpy.array(costs, dtype=numpy.int64), budget)
    assert read(groups) == fill_groups(list(range(len(costs))), costs, budget)


# Micro-batches.


def cut(pairs, *, micro_batch_tokens, processes=1, batch=None) -> list[list[list[int]]]:
    batch = numpy.arange(len(pairs)) if batch is None else batch
    cuts = cut_micro_batches(batch, *split(pairs), micro_batch_tokens=micro_batch_tokens, processes=processes)
    return [read(own) for own in cuts]


def padded_tokens(pairs, micro_batch: list[int]) -> int:
    """Examples x (longest source + longest target), by the definition."""
    return len(micro_batch) * (max(pairs[i][0] for i in micro_batch) + max(pairs[i][1] for i in micro_batch))


BUDGETS, PROCESSES = st.integers(1, 400), st.integers(1, 5)


@quick
@given(LENGTHS, BUDGETS, PROCESSES)
def test_micro_batches_of_all_processes_part_the_batch(pairs, budget, processes):
    cuts = cut(pairs, micro_batch_tokens=budget, processes=processes)
    assert Counter(i for own in cuts for micro_batch in own for i in micro_batch) == Counter(range(len(pairs)))


def cut_slowly(pairs, budget: int) -> list[list[int]]:
    """One pair after the other, by target and source; a new micro-batch where the next pair makes it too large."""
    groups: list[list[int]] = []
    for index in sorted(range(len(pairs)), key=lambda index: pairs[index][::-1]):
        if not groups or padded_tokens(pairs, [*groups[-1], index]) > budget:
            groups.append([])
        groups[-1].append(index)
    return groups


@quick
@given(LENGTHS, BUDGETS, PROCESSES)
def test_micro_batches_are_those_of_the_smallest_budget_that_serves_the_processes(pairs, budget, processes):
    groups = cut_slowly(pairs, budget)
    wanted = -(-len(groups) // processes) * processes
    if wanted != len(groups):
        below = range(max(map(sum, pairs)), budget)  # from the longest pair on, one by one
        groups = next((fewer for lower in below if len(fewer := cut_slowly(pairs, lower)) <= wanted), groups)
    cuts = cut(pairs, micro_batch_tokens=budget, processes=processes)
    dealt = [cuts[number % processes][number // processes] for number in range(wanted)]
    assert dealt == groups + [[]] * (wanted - len(groups))


@quick
@given(LENGTHS, BUDGETS, PROCESSES)
def test_every_process_has_equally_many_micro_batches(pairs, budget, processes):
    cuts = cut(pairs, micro_batch_tokens=budget, processes=processes)
    assert len(cuts) == processes
    assert len({len(own) for own in cuts}) == 1


@quick
@given(LENGTHS, BUDGETS, PROCESSES)
def test_micro_batch_stays_within_its_tokens_or_is_a_single_pair(pairs, budget, processes):
    for own in cut(pairs, micro_batch_tokens=budget, processes=processes):
        for micro_batch in own:
            assert len(micro_batch) <= 1 or padded_tokens(pairs, micro_batch) <= budget


@quick
@given(LENGTHS, BUDGETS, PROCESSES)
def test_processes_share_the_micro_batches_that_one_process_would_have(pairs, budget, processes):
    alone = len(cut(pairs, micro_batch_tokens=budget)[0])
    shared = len(cut(pairs, micro_batch_tokens=budget, processes=processes)[0])
    assert shared == -(-alone // processes)


@quick
@given(st.integers(1, 40), PROCESSES)
def test_equal_pairs_in_one_budget_are_shared_as_evenly_as_can_be(count, processes):
    cuts = cut([(3, 4)] * count, micro_batch_tokens=10_000, processes=processes)
    assert max(len(own[0]) for own in cuts) == -(-count // processes)


def test_five_equal_pairs_for_two_processes_are_three_and_two():
    assert [[len(group) for group in own] for own in cut([(2, 2)] * 5, micro_batch_tokens=99, processes=2)] == [
        [3],
        [2],
    ]


def test_fewer_pairs_than_processes_leave_empty_micro_batches():
    assert sorted(cut([(2, 2)], micro_batch_tokens=99, processes=3)) == [[[]], [[]], [[0]]]


def test_micro_batches_hold_the_indices_of_the_batch():
    cuts = cut([(1, 1)] * 9, micro_batch_tokens=4, batch=numpy.array([8, 2, 5]))
    # 2 pairs x (1 + 1) tokens fill the budget of 4.
    assert [len(group) for group in cuts[0]] == [2, 1]
    assert sorted(flatten(cuts[0])) == [2, 5, 8]


def test_micro_batches_are_cut_in_the_order_of_lengths():
    # By target: indices 1, 2, 0. Padded: {1, 2} is 2 x (1 + 2) = 6; with 0 it would be 3 x (1 + 9) = 30.
    assert cut([(1, 9), (1, 1), (1, 2)], micro_batch_tokens=10) == [[[1, 2], [0]]]


def test_order_without_a_size_is_refused():
    with pytest.raises(ValueError, match="needs batch_examples or batch_tokens; found neither"):
        next(build_order(random_pairs(5)).batches(0))

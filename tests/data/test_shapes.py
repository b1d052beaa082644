"""Micro-batches that are filled up to few shapes: how many there are, how much is padding, and that nothing is lost."""

from functools import partial
from itertools import islice

import numpy
import pytest
import torch

from seq2seq.data.batching import BatchOrder
from seq2seq.data.collation import collate_to_shape
from seq2seq.data.loader import StepLoader
from seq2seq.data.shapes import MOST_SHAPES, ShapeGrid, learn_grid
from seq2seq.sources.padding import collate_ids
from tests.data.test_collation import EXAMPLES as THREE
from tests.data.test_loader import COLLATE, EXAMPLES, build_loader, take

MICRO_BATCH_TOKENS = 8192
SIZES = [{"batch_examples": 256}, {"batch_examples": 64}, {"batch_tokens": 16384}, {"batch_tokens": 4096}]


def draw_lengths(kind, count=20_000):
    """Lengths like those of sentences and their translations, of articles and summaries, and of short sentences."""
    random = numpy.random.default_rng(0)
    if kind == "translation":
        sources = random.lognormal(3.2, 0.5, count).clip(3, 128)
        targets = (sources * random.normal(1.05, 0.15, count)).clip(3, 128)
    elif kind == "summarization":
        sources = random.lognormal(5.8, 0.5, count).clip(20, 512)
        targets = random.lognormal(3.9, 0.35, count).clip(5, 128)
    else:
        sources = random.poisson(13, count).clip(4, 64)
        targets = random.poisson(14, count).clip(4, 64)
    return sources.astype(numpy.int32), targets.astype(numpy.int32)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["translation", "summarization", "short"])
def test_epoch_has_at_most_64_shapes_and_few_pads(kind, size, processes):
    sources, targets = draw_lengths(kind)
    order = BatchOrder(sources, targets, seed=1, length_window=50, **size)
    grid = learn_grid(order, MICRO_BATCH_TOKENS, processes)
    shapes = set()
    real = padded = 0
    for batch in order.batches(2):
        shares = grid.cut(batch, sources, targets, processes)
        assert len({len(cuts) for cuts in shares}) == 1
        cuts = [cut for cuts in shares for cut in cuts]
        assert sorted(numpy.concatenate(cuts).tolist()) == sorted(batch.tolist())
        real += int(sources[batch].sum()) + int(targets[batch].sum())
        for cut in cuts:
            lengths = (int(sources[cut].max()), int(targets[cut].max())) if len(cut) else (0, 0)
            examples, source, target = grid.find_shape(len(cut), *lengths)
            assert (examples, source, target) >= (len(cut), *lengths)
            assert examples == 1 or examples * (source + target) <= MICRO_BATCH_TOKENS
            shapes.add((examples, source, target))
            padded += examples * (source + target)
    assert len(shapes) <= MOST_SHAPES
    assert real / padded >= 0.85


def test_cut_is_the_one_with_the_fewest_tokens():
    # By hand: 2 x (4 + 2) and 1 x (9 + 3) are 24; all three in 3 x (9 + 3) are 36.
    grid = ShapeGrid(numpy.array([[2, 4, 2], [1, 9, 3], [3, 9, 3]]), micro_batch_tokens=40)
    sources = numpy.array([9, 3, 4])
    targets = numpy.array([3, 2, 1])
    assert [[cut.tolist() for cut in cuts] for cuts in grid.cut(numpy.arange(3), sources, targets)] == [[[2, 1], [0]]]


def test_processes_have_equally_many_cuts_and_what_is_missing_is_empty():
    grid = ShapeGrid(numpy.array([[4, 2, 2], [2, 2, 2]]), micro_batch_tokens=16)
    lengths = numpy.full(3, 2)
    shares = grid.cut(numpy.arange(3), lengths, lengths, processes=4)
    assert [[cut.tolist() for cut in cuts] for cuts in shares] == [[[0]], [[1]], [[2]], [[]]]
    assert grid.find_shape(0, 0, 0) == (2, 2, 2)


def test_batch_is_filled_up_by_what_weighs_nothing():
    batch = collate_to_shape(THREE, numpy.array([1, 0]), partial(collate_ids, pad_id=0), (3, 4, 3))
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[7, 0, 0, 0], [5, 6, 0, 0], [7, 0, 0, 0]],
        "attention_mask": [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0]],
        "labels": [[2, -100, -100], [3, 2, -100], [-100, -100, -100]],
        "real": [0, 3, 4],
    }


def test_batch_of_no_examples_has_its_shape():
    batch = collate_to_shape(THREE, numpy.array([], dtype=int), partial(collate_ids, pad_id=0), (2, 1, 2))
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[5], [5]],
        "attention_mask": [[1], [1]],
        "labels": [[-100, -100]] * 2,
        "real": [],
    }


def build_rounding(process=0, processes=1, micro_batch_tokens=40):
    plain = build_loader(process, processes)
    return StepLoader(
        EXAMPLES,
        plain.order,
        COLLATE,
        micro_batch_tokens=micro_batch_tokens,
        process=process,
        processes=processes,
        rounds_shapes=True,
    )


def list_pairs(micro_batches):
    """The labels of the examples, which tell their numbers."""
    rows = [row for batch in micro_batches for row in batch["labels"].tolist()]
    return sorted([label for label in row if label != -100] for row in rows if row[0] != -100)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_steps_are_those_of_the_plain_loader(processes):
    plain = take(build_loader(), 8)
    shares = [take(build_rounding(process, processes), 8) for process in range(processes)]
    for expected, *steps in zip(plain, *shares, strict=True):
        assert list_pairs([batch for step in steps for batch in step.micro_batches]) == list_pairs(
            expected.micro_batches
        )
        for step in steps:
            assert (step.position, step.target_tokens) == (expected.position, expected.target_tokens)


def test_step_is_the_same_from_any_position():
    whole = take(build_rounding(), 8)
    (later,) = islice(build_rounding().steps(*whole[6].position), 1)
    for batch, expected in zip(later.micro_batches, whole[7].micro_batches, strict=True):
        assert all(torch.equal(batch[name], expected[name]) for name in expected)


def test_loader_that_halves_its_micro_batches_has_smaller_shapes():
    loader = build_rounding()
    (step,) = take(loader, 1)
    smaller = loader.halve(step)
    assert smaller.micro_batch_tokens < loader.micro_batch_tokens
    again = smaller.cut_again(step)
    assert list_pairs(again.micro_batches) == list_pairs(step.micro_batches)
    for batch in again.micro_batches:
        rows, source = batch["input_ids"].shape
        assert rows == 1 or rows * (source + batch["labels"].shape[1]) <= smaller.micro_batch_tokens


def test_loss_and_gradients_are_those_of_the_plain_micro_batches(started):
    model = started.model.eval()
    found = []
    for loader in (build_loader(), build_rounding()):
        (step,) = take(loader, 1)
        model.zero_grad()
        total = 0.0
        for batch in step.micro_batches:
            sums = model(**batch)
            (sums.objective / step.target_tokens).backward()
            total += sums.negative_log_likelihood.item()
        found.append((total, {name: parameter.grad for name, parameter in model.named_parameters()}))
    (plain, gradients), (rounded, others) = found
    assert rounded == pytest.approx(plain, rel=1e-6)
    for name, gradient in gradients.items():
        torch.testing.assert_close(others[name], gradient, rtol=1e-4, atol=1e-7)

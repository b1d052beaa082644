"""Steps: the same global batches for any number of processes and from any position, with true counts."""

from functools import partial
from itertools import chain, islice

import numpy
import pytest
import torch

from seq2seq.base.errors import DataError
from seq2seq.data import loader
from seq2seq.data.batching import BatchOrder
from seq2seq.data.encoding import EncodedExamples, Truncation
from seq2seq.data.loader import StepLoader, StepsAhead, fixed_micro_batches
from seq2seq.data.ragged import RaggedIds
from seq2seq.sources.padding import collate_ids

COUNT, PAD = 23, 0
COLLATE = partial(collate_ids, pad_id=PAD)
BUDGET = 40  # examples x (longest source + longest target); a single pair has at most 9 + 7 = 16 tokens


def build_examples() -> EncodedExamples:
    """Random lengths; all ids of example number n are n + 1, so that a padded row tells which example it is."""
    random = numpy.random.default_rng(0)
    sources = [[number + 1] * random.integers(1, 10) for number in range(COUNT)]
    labels = [[number + 1] * random.integers(1, 8) for number in range(COUNT)]
    truncation = Truncation(texts=COUNT, truncated=0, limit=9, longest=9)
    return EncodedExamples(RaggedIds(sources), RaggedIds(labels), truncation, truncation)


EXAMPLES = build_examples()


def build_loader(process: int = 0, processes: int = 1) -> StepLoader:
    lengths = EXAMPLES.sources.lengths, EXAMPLES.labels.lengths
    order = BatchOrder(*lengths, seed=1, length_window=2, batch_examples=5)  # 23 pairs are 5 batches an epoch
    return StepLoader(EXAMPLES, order, COLLATE, micro_batch_tokens=BUDGET, process=process, processes=processes)


def take(loader: StepLoader, count: int, epoch: int = 0, used_batches: int = 0) -> list:
    return list(islice(loader.steps(epoch, used_batches), count))


def list_examples(micro_batches) -> list[int]:
    """The examples in some micro-batches, in order; empty ones, of pads alone, have none."""
    return sorted(row[0] - 1 for batch in micro_batches for row in batch["input_ids"].tolist() if row[0] != PAD)


@pytest.mark.parametrize("processes", [2, 3, 7])
def test_processes_together_compute_the_batch_of_one_process(processes):
    alone = [list_examples(step.micro_batches) for step in take(build_loader(), 8)]
    shares = [take(build_loader(process, processes), 8) for process in range(processes)]
    together = [
        list_examples(chain.from_iterable(step.micro_batches for step in steps)) for steps in zip(*shares, strict=True)
    ]
    assert together == alone


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_counts_of_a_step_are_those_of_all_processes(processes):
    for steps in zip(*(take(build_loader(process, processes), 6) for process in range(processes)), strict=True):
        batches = [batch for step in steps for batch in step.micro_batches]
        source_tokens = sum(int((batch["input_ids"] != PAD).sum()) for batch in batches)
        target_tokens = sum(int((batch["labels"] != -100).sum()) for batch in batches)
        assert {(step.examples, step.source_tokens, step.target_tokens) for step in steps} == {
            (len(list_examples(batches)), source_tokens, target_tokens)
        }


def test_epoch_uses_every_example_once_and_then_the_next_begins():
    steps = take(build_loader(), 10)
    for epoch in (steps[:5], steps[5:]):
        assert list_examples(chain.from_iterable(step.micro_batches for step in epoch)) == list(range(COUNT))


def test_position_counts_the_batches_used_of_the_epoch():
    assert [step.position for step in take(build_loader(), 6)] == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 1)]


@pytest.mark.parametrize("done", [1, 4, 5, 7])
def test_steps_resumed_from_a_position_go_on_as_if_uninterrupted(done):
    whole = take(build_loader(), 10)
    resumed = take(build_loader(), 10 - done, *whole[done - 1].position)
    # The position (0, 5), the end of an epoch, goes on with the first batch of the next.
    for step, expected in zip(resumed, whole[done:], strict=True):
        assert step.position == expected.position
        for batch, other in zip(step.micro_batches, expected.micro_batches, strict=True):
            assert all(torch.equal(batch[name], other[name]) for name in other)


def test_micro_batches_stay_within_their_tokens():
    for step in take(build_loader(), 10):
        assert all(batch["input_ids"].numel() + batch["labels"].numel() <= BUDGET for batch in step.micro_batches)


def test_steps_of_epochs_are_counted():
    # 23 pairs in batches of 5 are 5 steps an epoch.
    assert [build_loader().count_steps(epochs) for epochs in (0, 1, 3)] == [0, 5, 15]


@pytest.mark.parametrize("processes", [1, 2, 30])
def test_measuring_sees_every_example_once_over_all_processes(processes):
    options = {"micro_batch_tokens": BUDGET, "processes": processes}
    shares = [list(fixed_micro_batches(EXAMPLES, COLLATE, process=process, **options)) for process in range(processes)]
    assert list_examples(chain.from_iterable(shares)) == list(range(COUNT))


def test_measuring_has_no_empty_micro_batches():
    batches = fixed_micro_batches(EXAMPLES, COLLATE, micro_batch_tokens=BUDGET, process=29, processes=30)
    assert all((batch["labels"] != -100).any() for batch in batches)


def count_ahead(steps, device=torch.device("cpu")) -> tuple[StepsAhead, list[int]]:
    """The steps, and the numbers of those that were put together."""
    made = []

    def make():
        for number, step in enumerate(steps):
            made.append(number)
            yield step

    return StepsAhead(make(), device), made


def test_step_ahead_is_put_together_once_and_nothing_is_passed_over():
    plain = take(build_loader(), 4)
    ahead, made = count_ahead(plain)
    assert made == []
    assert ahead.take().position == plain[0].position
    assert made == [0]
    ahead.prepare()
    ahead.prepare()
    assert made == [0, 1]
    assert [ahead.take().position for _ in range(3)] == [step.position for step in plain[1:]]


def test_error_of_a_step_ahead_comes_where_it_is_taken():
    def make():
        yield take(build_loader(), 1)[0]
        raise DataError("the next epoch is broken")

    ahead = StepsAhead(make(), torch.device("cpu"))
    ahead.take()
    ahead.prepare()
    for _ in range(2):
        with pytest.raises(DataError, match="the next epoch is broken"):
            ahead.take()


def test_step_ahead_that_a_device_has_no_memory_for_stays_where_it_is(monkeypatch):
    def refuse(batch, device):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr(loader, "move_batch", refuse)
    (step,) = take(build_loader(), 1)
    ahead, _ = count_ahead([step])
    assert ahead.take() is step


def test_other_error_of_a_copy_is_no_lack_of_memory(monkeypatch):
    def refuse(batch, device):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(loader, "move_batch", refuse)
    ahead, _ = count_ahead(take(build_loader(), 1))
    with pytest.raises(RuntimeError, match="an illegal memory access"):
        ahead.take()

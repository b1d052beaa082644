"""Times of updates, on a clock that the updates themselves move: 2 s each, and 0.5 s for every token they compute."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy
import pytest

from seq2seq.data.batching import BatchOrder
from seq2seq.data.encoding import EncodedExamples, Truncation
from seq2seq.data.loader import StepLoader
from seq2seq.data.ragged import RaggedIds
from seq2seq.sources.padding import collate_ids
from seq2seq.training.timing import TimedUpdate, count_busiest_tokens, fit_line, thin_out, time_updates

AN_UPDATE, A_TOKEN = 2.0, 0.5


def build_loader(processes: int = 1, equal: bool = False, process: int = 0) -> StepLoader:
    """12 pairs with sources of 1 to 12 tokens, or all of 4, and targets of 2."""
    lengths = [4] * 12 if equal else range(1, 13)
    sources, labels = RaggedIds([[1] * length for length in lengths]), RaggedIds([[1, 1]] * 12)
    truncation = Truncation(12, 0, 99, 12)
    order = BatchOrder(sources.lengths, labels.lengths, seed=1, length_window=1, batch_examples=4)
    examples = EncodedExamples(sources, labels, truncation, truncation)
    collate = partial(collate_ids, pad_id=0)
    return StepLoader(examples, order, collate, micro_batch_tokens=1000, process=process, processes=processes)


class SlowTrainer:
    """Computes nothing; its clock goes on by what an update would take."""

    def __init__(self, equal: bool = False) -> None:
        self.loader, self.now, self.examples = build_loader(equal=equal), 0.0, []
        self.optimizer = SimpleNamespace(param_groups=[{"lr": 0.1}])
        self.model = SimpleNamespace(train=lambda: None)

    def clock(self) -> float:
        return self.now

    def update(self, step, number) -> None:
        tokens = sum(
            batch["labels"].shape[0] * (batch["input_ids"].shape[1] + batch["labels"].shape[1])
            for batch in step.micro_batches
        )
        self.examples.append(step.examples)
        self.now += AN_UPDATE + A_TOKEN * tokens


def time_all(trainer: SlowTrainer, limit_seconds: float):
    batches = list(trainer.loader.order.batches(0))
    return time_updates(trainer, batches, limit_seconds=limit_seconds, clock=trainer.clock)


def test_line_through_the_times_tells_updates_from_tokens():
    times = time_all(SlowTrainer(), limit_seconds=1e6)
    assert times.seconds_per_update == pytest.approx(AN_UPDATE)
    assert times.seconds_per_token == pytest.approx(A_TOKEN)
    assert times.predict(100) == pytest.approx(AN_UPDATE + 100 * A_TOKEN)


def test_with_time_enough_every_batch_is_run_whole_behind_single_pairs():
    trainer = SlowTrainer()
    assert len(time_all(trainer, limit_seconds=1e6).updates) == 4
    assert trainer.examples == [1, 1, 1, 4, 4, 4]  # two single pairs are not counted


# Of equal pairs, 6 tokens each, one takes 2 + 6 x 0.5 = 5 s.


def test_little_time_thins_batches_out_and_the_line_stays_the_same():
    trainer = SlowTrainer(equal=True)
    times = time_updates(trainer, [numpy.arange(12)] * 3, limit_seconds=20, clock=trainer.clock)
    # Four times one pair, which take 14 s; of the 6 s that are left half is not enough for two; then 1 s is left.
    assert trainer.examples == [1, 1, 1, 4, 1]
    assert times.predict(72) == pytest.approx(AN_UPDATE + 72 * A_TOKEN)


def test_with_hardly_any_time_single_pairs_alone_are_timed():
    trainer = SlowTrainer(equal=True)
    time_updates(trainer, [numpy.arange(12)] * 3, limit_seconds=1, clock=trainer.clock)
    assert trainer.examples == [1, 1, 1, 1]


def test_rates_are_zero_so_that_no_weight_moves():
    trainer = SlowTrainer()
    time_all(trainer, limit_seconds=1)
    assert trainer.optimizer.param_groups[0]["lr"] == 0


def test_padded_tokens_are_those_of_the_busiest_process():
    # Sources of 1 to 4: alone 4 x (4 + 2); cut for two, three short ones and a long one are as even as can be.
    assert count_busiest_tokens(build_loader(), numpy.arange(4)) == 24
    loader = build_loader(processes=2)
    shares = [sum(len(cut) * (int(cut.max()) + 1 + 2) for cut in cuts) for cuts in loader.cut(numpy.arange(4))]
    assert count_busiest_tokens(loader, numpy.arange(4)) == max(shares) < 24
    assert count_busiest_tokens(replace(loader, process=1), numpy.arange(4)) == max(shares)


@pytest.mark.parametrize("process", [0, 1])
def test_process_that_has_none_of_the_single_pairs_times_whole_batches_too(process):
    trainer = SlowTrainer()
    trainer.loader = build_loader(processes=2, process=process)
    time_all(trainer, limit_seconds=1e6)
    assert trainer.examples == [1, 1, 1, 4, 4, 4]


@pytest.mark.parametrize(("padded_tokens", "kept"), [(0, [0]), (12, [0, 2]), (24, [0, 1, 2, 3]), (1e9, [0, 1, 2, 3])])
def test_batch_is_thinned_out_to_evenly_spaced_pairs(padded_tokens, kept):
    assert thin_out(build_loader(), numpy.arange(4), padded_tokens).tolist() == kept


def test_line_of_two_updates_goes_through_both():
    times = fit_line([TimedUpdate(10, 3.0), TimedUpdate(30, 5.0)])
    assert (times.seconds_per_update, times.seconds_per_token) == (pytest.approx(2), pytest.approx(0.1))


@pytest.mark.parametrize("second", [TimedUpdate(10, 3.0), TimedUpdate(30, 2.0), TimedUpdate(30, 12.0)])
def test_updates_of_one_size_and_noise_leave_all_time_to_the_tokens(second):
    # The same size again; more tokens in less time; a line that begins below zero.
    times = fit_line([TimedUpdate(10, 3.0), second])
    assert times.seconds_per_update == 0
    assert times.seconds_per_token == pytest.approx((3 + second.seconds) / (10 + second.padded_tokens))

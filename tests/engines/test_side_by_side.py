"""Batches computed side by side on a CPU: what one thread computes, in order, and torch's threads stay as they were."""

import threading
import time
from time import sleep

import pytest
import torch

from seq2seq import warm_start
from seq2seq.base.errors import GenerationError
from seq2seq.checkpoints.published import read_published
from seq2seq.engines.batching import compute_side_by_side, count_workers
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from tests.conftest import shake
from tests.published import save_published

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def three_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=["bert2bert", "bart", "t5"])
def engine(request, tiny_bert, tmp_path_factory) -> TransformersEngine:
    if request.param == "bert2bert":
        model = warm_start(plan="bert2bert", encoder=str(tiny_bert)).model
    else:
        model = read_published(save_published(tmp_path_factory.mktemp(request.param), request.param)).model
    shake(model, 0.1)
    return TransformersEngine(model.eval())


def draw_ids(rows: int, longest: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(2, longest + 1, (rows,), generator=generator).tolist()
    return [torch.randint(8, 40, (length,), generator=generator).tolist() for length in lengths]


@pytest.mark.parametrize(
    "options", [{"num_beams": 3}, {"num_beams": 1}, {"num_beams": 1, "sampling": True, "num_outputs": 2}], ids=str
)
def test_outputs_are_those_of_one_thread(engine, options):
    sources = draw_ids(20, 20)
    chosen = GenerationOptions(max_target_tokens=6, batch_tokens=60, **options)
    together = engine.generate(sources, chosen)
    torch.set_num_threads(1)
    assert together == engine.generate(sources, chosen)
    assert len({tuple(outputs[0].ids) for outputs in together}) > 1


def test_scores_are_those_of_one_thread(engine):
    sources, labels = draw_ids(300, 20), draw_ids(300, 12)
    together = engine.score(sources, labels)
    torch.set_num_threads(1)
    for first, second in zip(together, engine.score(sources, labels), strict=True):
        assert first == pytest.approx(second, abs=1e-5)


def test_as_many_batches_at_once_as_threads():
    assert count_workers(10) == (3, 1)
    assert count_workers(1) == (1, 3)
    assert count_workers(0) == (1, 3)
    for threads, expected in ((20, (5, 4)), (16, (8, 2)), (12, (6, 2)), (23, (7, 3))):
        torch.set_num_threads(threads)
        assert count_workers(100) == expected


def test_batches_run_at_once_and_results_come_in_order():
    here = threading.Barrier(3, timeout=20)

    def compute(batch):
        here.wait()  # passes only if three batches are computed at once
        return [torch.get_num_threads() * 100 + index for index in batch]

    results = list(compute_side_by_side([[index] for index in range(6)], compute, CPU))
    assert results == [[100 + index] for index in range(6)]
    assert torch.get_num_threads() == 3


def test_threads_to_come_have_their_number_while_results_are_read():
    results = compute_side_by_side([[0], [1], [2]], lambda batch: batch, CPU)
    next(results)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [3]
    results.close()


def test_batch_that_fails_fails_the_whole_and_leaves_no_thread_behind():
    begun = []

    def compute(batch):
        begun.append(batch)
        sleep(0.02)
        if batch == [1]:
            raise RuntimeError("out of memory")
        return batch

    with pytest.raises(RuntimeError, match="out of memory"):
        list(compute_side_by_side([[index] for index in range(50)], compute, CPU))
    assert len(begun) < 50
    assert torch.get_num_threads() == 3
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def test_results_that_nobody_reads_are_not_computed():
    begun = []

    def compute(batch):
        begun.append(batch)
        time.sleep(0.001)  # all would take seconds, however late this thread comes to close
        return batch

    results = compute_side_by_side([[index] for index in range(10_000)], compute, CPU)
    next(results)
    results.close()
    assert len(begun) < 10_000


@pytest.mark.parametrize(("message", "error"), [("CUDA out of memory.", GenerationError), ("no such", RuntimeError)])
def test_batch_that_memory_does_not_hold_names_the_option(engine, monkeypatch, message, error):
    def fail(*arguments):
        raise RuntimeError(message)

    monkeypatch.setattr("seq2seq.engines.transformers.collate_for", fail)
    expected = r"Memory ran out with 3 sources in a batch. Lower generation.batch_tokens \(now 16384\)"
    with pytest.raises(error, match=expected if error is GenerationError else message):
        engine.generate(draw_ids(3, 5), GenerationOptions(max_target_tokens=6))


@pytest.mark.parametrize(("message", "error"), [("CUDA out of memory.", GenerationError), ("no such", RuntimeError)])
def test_given_pairs_that_memory_does_not_hold_are_told(engine, monkeypatch, message, error):
    def fail(*arguments):
        raise RuntimeError(message)

    monkeypatch.setattr("seq2seq.engines.forced_decoding.collate_for", fail)
    expected = "Memory ran out where 3 given pairs were scored at once. Shorten the texts"
    with pytest.raises(error, match=expected if error is GenerationError else message):
        engine.score(draw_ids(3, 5), draw_ids(3, 4))

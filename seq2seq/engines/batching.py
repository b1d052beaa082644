"""What every pass over many examples does: batches of like lengths, and a model that is not training meanwhile."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import numpy
import torch

AT_ONCE = 8  # batches that a process computes side by side at most: each has memory of its own

Result = TypeVar("Result")

Ids = Sequence[int]  # of the tokens of one text
Batch = list[int]  # the indices of its examples
Fits = Callable[[int, int], bool]  # whether a batch of this width, its longest example, may have that many examples
Advance = Callable[[int], None]  # told after every batch how many examples it finished
Compute = Callable[[Sequence[Batch]], Iterator[Sequence[Result]]]  # the results of each batch, as they are done


class Share:
    """Which of the batches this process computes, and how it gets the results of the others: alone, it computes all."""

    def choose(self, batches: Sequence[Batch]) -> Sequence[Batch]:
        """The batches that are this process's."""
        return batches

    def agree(self, most: int) -> int:
        """The least of what each process says that it can do at most."""
        return most

    def fail(self, reason: str) -> None:
        """Called in place of `join` by a process that has no results, so that the others do not wait for them."""

    def join(self, results: Sequence[Sequence[Result]], batches: Sequence[Batch]) -> Sequence[Sequence[Result]]:
        """The results of all batches, from those of `choose`.

        Raises:
            TrainingError: another process has none.
        """
        return results


ALONE = Share()


def map_by_length(
    lengths: Sequence[int],
    fits: Fits,
    compute: Compute,
    advance: Advance,
    share: Share,
) -> list[Result]:
    """The results of all examples in their order, computed in batches of like lengths.

    Args:
        lengths: of the examples.
        fits: as in `Fits`; one example is always taken.
        share: which process computes which batches; the batches are the same however many there are.
    """
    batches = _build_batches(lengths, fits)
    mine = share.choose(batches)
    own: list[Sequence[Result]] = []
    try:
        for batch, of_batch in zip(mine, compute(mine), strict=True):
            own.append(of_batch)
            advance(len(batch))
    except Exception as error:
        share.fail(str(error) or type(error).__name__)
        raise
    results: dict[int, Result] = {}
    for batch, of_batch in zip(batches, share.join(own, batches), strict=True):
        for index, result in zip(batch, of_batch, strict=True):
            results[index] = result
    if len(mine) < len(batches):  # the others finished theirs meanwhile
        advance(len(lengths) - sum(map(len, mine)))
    return [results[index] for index in range(len(lengths))]


def _build_batches(lengths: Sequence[int], fits: Fits) -> list[Batch]:
    """Indices in batches, longest first, so that memory runs out at once or never."""
    shortness = -numpy.asarray(lengths, dtype=numpy.int64)
    batches: list[Batch] = []
    batch: Batch = []
    # Stable: numpy's faster sorts put equal lengths in an order that depends on the processor.
    for index in numpy.argsort(shortness, kind="stable").tolist():
        # The first of a batch is its longest, to which the others are padded.
        if batch and not fits(lengths[batch[0]], len(batch) + 1):
            batches.append(batch)
            batch = []
        batch.append(index)
    if batch:
        batches.append(batch)
    return batches


def count_workers(batches: int) -> tuple[int, int]:
    """How many batches a CPU computes at once, and with how many threads each, so that few of torch's are idle.

    Example: of 12 threads 6 batches take 2 each, where 8 would leave 4 idle.
    """
    threads = torch.get_num_threads()
    most = max(min(threads, batches, AT_ONCE), 1)

    def rate(workers: int) -> tuple[int, int]:
        """The threads that are busy, then the batches at once: many small ones are the faster."""
        return threads // workers * workers, workers

    workers = max(range((most + 1) // 2, most + 1), key=rate)
    return workers, threads // workers


def compute_side_by_side(
    batches: Sequence[Batch],
    compute: Callable[[Batch], Sequence[Result]],
    device: torch.device,
) -> Iterator[Sequence[Result]]:
    """The results of each batch, in order.

    On a CPU a few are computed at once, see `count_workers`: their threads wait for each other far less than threads
    that share the many small operations of one batch. On a GPU it is one after the other.
    """
    workers = share = 1
    if device.type == "cpu":
        workers, share = count_workers(len(batches))
    if workers == 1:
        return map(compute, batches)
    return _compute_in_threads(batches, compute, workers, share)


def _compute_in_threads(
    batches: Sequence[Batch], compute: Callable[[Batch], Sequence[Result]], workers: int, share: int
) -> Iterator[Sequence[Result]]:
    threads = torch.get_num_threads()
    started = Barrier(workers + 1)

    def start() -> None:
        torch.get_num_threads()  # the first such call of a thread sets it to the number of threads to come
        torch.set_num_threads(share)
        started.wait()

    pool = ThreadPoolExecutor(workers, initializer=start)
    try:
        results = pool.map(compute, batches)
        started.wait()  # until every thread has its share, and none begins with the number below
        torch.set_num_threads(threads)  # what a thread sets for itself is also the number of threads to come
        yield from results
    finally:
        # After Ctrl-C nobody waits for the batches that are under way.
        is_interrupted = isinstance(sys.exception(), KeyboardInterrupt | GeneratorExit)
        pool.shutdown(wait=not is_interrupted, cancel_futures=True)

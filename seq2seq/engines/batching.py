"""What every pass over many examples does: batches of like lengths, and a model that is not training meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import numpy
import torch

AT_ONCE = 8  # batches that a process computes side by side at most: each has memory of its own

Result = TypeVar("Result")

Batch = list[int]  # the indices of its examples
Advance = Callable[[int], None]  # told after every batch how many examples it finished
Compute = Callable[[Sequence[Batch]], Iterator[Sequence[Result]]]  # the results of each batch, as they are done
Spread = Callable[[Sequence[Batch], Compute, Advance], Sequence[Sequence[Result]]]


def compute_here(batches: Sequence[Batch], compute: Compute, advance: Advance) -> list[Sequence[Result]]:
    """The results of all batches, computed by this process."""
    results = []
    for batch, found in zip(batches, compute(batches), strict=True):
        results.append(found)
        advance(len(batch))
    return results


def map_by_length(
    lengths: Sequence[int],
    fits: Callable[[int, int], bool],
    compute: Compute,
    advance: Advance,
    spread: Spread = compute_here,
) -> list[Result]:
    """The results of all examples in their order, computed in batches of like lengths.

    Args:
        lengths: of the examples.
        fits: whether a batch of this width may have so many rows; one row is always taken.
        spread: which process computes which batches; the batches are the same however many there are.
    """
    results: list[Result | None] = [None] * len(lengths)
    batches = _cut(lengths, fits)
    for indices, found in zip(batches, spread(batches, compute, advance), strict=True):
        for index, result in zip(indices, found, strict=True):
            results[index] = result
    return results


def _cut(lengths: Sequence[int], fits: Callable[[int, int], bool]) -> list[Batch]:
    """Indices in batches, longest first, so that memory runs out at once or never."""
    order = numpy.argsort(-numpy.asarray(lengths, dtype=numpy.int64), kind="stable").tolist()
    batches: list[Batch] = []
    for index in order:
        if not batches or not fits(lengths[batches[-1][0]], len(batches[-1]) + 1):
            batches.append([])
        batches[-1].append(index)
    return batches


def count_workers(batches: int) -> tuple[int, int]:
    """How many batches a CPU computes at once, and with how many threads each, so that few of torch's are idle.

    Example: of 12 threads 6 batches take 2 each, where 8 would leave 4 idle.
    """
    threads = torch.get_num_threads()
    most = max(min(threads, batches, AT_ONCE), 1)
    workers = max(range((most + 1) // 2, most + 1), key=lambda count: (threads // count * count, count))
    return workers, threads // workers


def compute_side_by_side(
    batches: Sequence[Batch],
    compute: Callable[[Batch], Sequence[Result]],
    device: torch.device,
) -> Iterator[Sequence[Result]]:
    """The results of each batch, in order.

    On a CPU as many are computed at once as torch has threads, which wait for each other far less than threads that
    share the many small steps of one batch. On a GPU it is one after the other.
    """
    workers, share = count_workers(len(batches)) if device.type == "cpu" else (1, 1)
    if workers == 1:
        yield from map(compute, batches)
        return
    threads, started = torch.get_num_threads(), Barrier(workers + 1)

    def start() -> None:
        torch.get_num_threads()  # the first such call of a thread sets it to the number of threads to come
        torch.set_num_threads(share)
        started.wait()

    pool = ThreadPoolExecutor(workers, initializer=start)
    try:
        results = pool.map(compute, batches)
        started.wait()
        torch.set_num_threads(threads)  # what a thread sets for itself is also the number of threads to come
        yield from results
    finally:
        pool.shutdown(cancel_futures=True)

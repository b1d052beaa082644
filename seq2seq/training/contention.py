"""Threads that have lost their cores to other processes: noticed while a run trains, and left.

A thread that waits spins, and so holds a core that the one it waits for may need. Where others come to use the machine,
a step then takes ten times as long and more; with a thread for each core that is left it does not (docs/log.md).
"""

import os

import torch
from accelerate import Accelerator, PartialState

from ..base.cores import CoreTimes, fit_threads

SAID_BY = "OMP_NUM_THREADS"  # where users say it for all programs, and launchers for each of their processes
EVENT = "threads"  # of progress.jsonl
STEPS = 10  # of a window
FIRST_WINDOWS = 3  # the first one alone is slow
FALLEN = 3  # times slower than the best of the first windows is no matter of longer texts
MISSING = 0.5  # of a core a thread: fewer free than this below the threads, and others have some


def may_choose_threads(processes: Accelerator | PartialState) -> bool:
    """Whether a run may have other threads than torch has by itself: one process on a CPU, of which nobody said any."""
    return SAID_BY not in os.environ and processes.num_processes == 1 and processes.device.type == "cpu"


class Contention:
    """Takes every step of a run on one machine; says how many threads still have a core of their own."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._steps = 0
        self._tokens = 0
        self._seconds = 0.0
        self._windows = 0
        self._first_rate = 0.0
        self._since = CoreTimes.read()

    def count_step(self, tokens: int, seconds: float) -> int | None:
        """The threads to go on with, fewer than so far, where a window of steps shows that they share cores."""
        self._steps += 1
        self._tokens += tokens
        self._seconds += seconds
        if self._steps < STEPS or self._threads == 1:
            return None
        rate = self._tokens / max(self._seconds, 1e-9)
        now = CoreTimes.read()
        fewer = self._find_fewer(rate, now)
        self._windows += 1
        if self._windows <= FIRST_WINDOWS:
            self._first_rate = max(self._first_rate, rate)
        self._since = now
        self._steps = 0
        self._tokens = 0
        self._seconds = 0.0
        return fewer

    def _find_fewer(self, rate: float, now: CoreTimes | None) -> int | None:
        if rate * FALLEN >= self._first_rate or now is None or self._since is None:
            return None
        free = now.count_free_cores(self._since)
        if free > self._threads - MISSING:  # slower for another reason
            return None
        self._threads = fit_threads(free, self._threads - 1)
        return self._threads


def watch_threads(asked: int | None, accelerator: Accelerator) -> Contention | None:
    """What watches a run's threads; None where their number is `training.threads` or is not the run's to choose."""
    if asked is not None or not may_choose_threads(accelerator):
        return None
    return Contention(torch.get_num_threads())

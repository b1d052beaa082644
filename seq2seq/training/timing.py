"""How long updates take here: a few real ones, timed within a limit, and a straight line through them.

seconds = seconds_per_update + padded tokens x seconds_per_token, the tokens being those of the busiest process. The
weights stay as they are.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy
import torch
from accelerate.utils import gather_object

from ..data.loader import Step, StepLoader
from ..data.survey import space_evenly
from .trainer import Trainer

WARMUPS = 2  # updates that are not counted: the first makes the optimizer's state and touches all memory
GROWTH = 4  # times the tokens of the largest update so far that the next one may have
SMALLEST_SHARE = 0.1  # of the limit: with less time left, no further update begins


@dataclass(frozen=True)
class TimedUpdate:
    """One update: the padded tokens that the busiest process computed, and its time."""

    padded_tokens: int
    seconds: float


@dataclass(frozen=True)
class UpdateTimes:
    """The line through some timed updates."""

    updates: tuple[TimedUpdate, ...]
    seconds_per_update: float
    seconds_per_token: float

    def predict(self, padded_tokens: float) -> float:
        """Seconds of an update in which the busiest process computes this number of padded tokens."""
        return self.seconds_per_update + self.seconds_per_token * padded_tokens


def time_updates(
    trainer: Trainer,
    batches: Sequence[numpy.ndarray],
    *,
    limit_seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> UpdateTimes:
    """Times updates of representative batches, in their order, until they are done or the limit is near.

    A batch that would take too much of the time that is left is thinned out: evenly spaced pairs of it. Single pairs
    come first, whatever they take, and the last update may take twice the limit. All processes call this with the same
    batches.

    Args:
        trainer: one that is thrown away afterwards; its rates are set to zero.
        batches: example indices, none of them empty.
    """
    for group in trainer.optimizer.param_groups:
        group["lr"] = 0.0
    trainer.model.train()
    smallest = _choose_smallest(trainer.loader, batches[0])
    for _ in range(WARMUPS):
        _time_update(trainer, smallest, clock)
    updates = [_time_update(trainer, smallest, clock)]
    begun = clock()
    for batch in batches:
        left = _agree(limit_seconds - (clock() - begun))
        if left < SMALLEST_SHARE * limit_seconds:
            break
        affordable = _agree(_find_affordable(updates, left, limit_seconds))
        thinned = thin_out(trainer.loader, batch, affordable)
        updates.append(_time_update(trainer, thinned, clock))
    return fit_line(updates)


def _choose_smallest(loader: StepLoader, batch: numpy.ndarray) -> numpy.ndarray:
    """The one pair of a batch that has the fewest tokens, as a batch."""
    examples = loader.examples
    tokens = examples.sources.lengths[batch] + examples.labels.lengths[batch]
    return batch[[int(tokens.argmin())]]


def _find_affordable(
    updates: Sequence[TimedUpdate],
    left: float,
    limit_seconds: float,
) -> float:
    """Padded tokens of the next update: what half the time that is left allows, or a good deal more than ever before.

    Twice the tokens take at most twice the time, and often far less: where what every update costs rules, single pairs
    alone would tell nothing of whole batches.
    """
    largest = max(updates, key=lambda update: update.padded_tokens)
    factor = left / 2 / largest.seconds
    # Within twice the limit, even if they take all of the times longer.
    if GROWTH * largest.seconds <= 2 * limit_seconds:
        factor = max(factor, GROWTH)
    return largest.padded_tokens * factor


def _agree(value: float) -> float:
    """The smallest of all processes' values, so that they do the same."""
    return min(gather_object([value]))


def _time_update(
    trainer: Trainer,
    batch: numpy.ndarray,
    clock: Callable[[], float],
) -> TimedUpdate:
    # The loader counts anew: of this step it looks at indices and position alone.
    step = trainer.loader.cut_again(Step(batch, 0, 0, 0, [], (0, 0)))
    begun = clock()
    trainer.update(step, 1)
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # the GPU computes behind the program's back
    seconds = clock() - begun
    return TimedUpdate(count_busiest_tokens(trainer.loader, batch), seconds)


def count_busiest_tokens(loader: StepLoader, batch: numpy.ndarray) -> int:
    """What the busiest process computes of a batch, which the others wait for.

    Over its micro-batches, examples x (longest source + longest target). The same number on every process.
    """
    return max(sum(map(loader.count_padded_tokens, of_process)) for of_process in loader.cut(batch))


def thin_out(
    loader: StepLoader,
    batch: numpy.ndarray,
    padded_tokens: float,
) -> numpy.ndarray:
    """Evenly spaced pairs of a batch, at least one, with about this number of padded tokens a process; all, if few."""
    whole = count_busiest_tokens(loader, batch)
    affordable = int(len(batch) * padded_tokens / max(whole, 1))
    kept = max(1, min(len(batch), affordable))
    return batch[space_evenly(len(batch), kept)]


def fit_line(updates: Sequence[TimedUpdate]) -> UpdateTimes:
    """The line of least squares, neither part of it below zero.

    Example: 10 tokens in 3 s, 30 tokens in 5 s -> 2 s an update and 0.1 s a token.
    """
    tokens = numpy.array([update.padded_tokens for update in updates], dtype=float)
    seconds = numpy.array([update.seconds for update in updates])
    slope = 0.0
    base = 0.0
    if len(set(tokens)) > 1:
        slope, base = numpy.polyfit(tokens, seconds, 1).tolist()
    if slope <= 0 or base < 0:  # one size, or noise: all time is the tokens'
        slope = float(seconds.sum() / tokens.sum())
        base = 0.0
    return UpdateTimes(tuple(updates), base, slope)

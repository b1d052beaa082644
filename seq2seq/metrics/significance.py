"""How far scores can be trusted: bootstrap intervals, and paired tests of two outputs for the same sources.

Texts are drawn, never words: a text's row of statistics (`metric.Metric`) stands for it. Everything is a function of
the statistics and a seed. Letters for shapes: n texts, k statistics.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy

from ..base.randomness import build_generator
from .metric import Metric

TRIALS = 10_000  # exchanges of outputs that a p-value counts, unless told otherwise
CHUNK = 2_000_000  # drawn numbers held at once
ROUNDING = 1e-9  # of values up to 100: differences as large but for rounding count as as large


@dataclass(frozen=True)
class Bootstrap:
    """Settings of an interval: how often texts are drawn anew, the share that lies inside, and the seed."""

    resamples: int = 1000
    level: float = 0.95
    seed: int = 1

    def to_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class PairedTest:
    """How the value of outputs A differs from that of outputs B on the same texts.

    difference: A - B. low, high: the bootstrap interval of the difference.
    p_value: how often a difference as large arises where it does not matter which output is whose (two-sided).
    """

    difference: float
    low: float
    high: float
    p_value: float


def compute_interval(
    metric: Metric,
    statistics: numpy.ndarray,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a metric's value (Efron 1979; for BLEU, Koehn 2004).

    Each resample draws n of the n texts, with putting back; the interval holds the middle `level` of their values.
    """
    values = metric.aggregate(_resample(statistics, resamples, seed))
    return _find_middle(values, level)


def compare_paired(
    metric: Metric,
    statistics_a: numpy.ndarray,
    statistics_b: numpy.ndarray,
    *,
    trials: int = TRIALS,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int,
) -> PairedTest:
    """Tests whether A and B differ: a paired bootstrap interval, and approximate randomization for the p-value.

    The bootstrap draws the same texts for both. A trial of the randomization exchanges the outputs of each text with
    probability 1/2; with c of the trials giving a difference as large as the one found, p is (c + 1) / (trials + 1)
    (Noreen 1989; Riezler and Maxwell 2005).
    """
    sums_a = statistics_a.sum(axis=0)
    sums_b = statistics_b.sum(axis=0)
    difference = _subtract(metric, sums_a, sums_b)
    # Side by side, so that a resample draws the same texts of A and of B.
    drawn = _resample(numpy.hstack([statistics_a, statistics_b]), resamples, seed)
    width = statistics_a.shape[1]
    drawn_differences = _subtract(metric, drawn[:, :width], drawn[:, width:])
    low, high = _find_middle(drawn_differences, level)
    moved = _exchange(statistics_b - statistics_a, trials, seed)
    exchanged = _subtract(metric, sums_a + moved, sums_b - moved)
    as_large = int((numpy.abs(exchanged) >= abs(difference) - ROUNDING).sum())
    return PairedTest(
        difference=float(difference),
        low=low,
        high=high,
        p_value=(as_large + 1) / (trials + 1),
    )


def _subtract(
    metric: Metric,
    sums_a: numpy.ndarray,
    sums_b: numpy.ndarray,
) -> numpy.ndarray:
    return metric.aggregate(sums_a) - metric.aggregate(sums_b)


def _find_middle(values: numpy.ndarray, level: float) -> tuple[float, float]:
    outside = (1 - level) / 2
    inside = (1 + level) / 2
    low, high = numpy.quantile(values, [outside, inside])
    return float(low), float(high)


def _resample(
    statistics: numpy.ndarray,
    resamples: int,
    seed: int,
) -> numpy.ndarray:
    """Sums of resampled texts. Shape: [n, k] -> [resamples, k]."""
    texts = len(statistics)
    generator = build_generator(seed, "bootstrap")
    sums = []
    for count in _list_chunk_sizes(resamples, texts):
        drawn = generator.integers(texts, size=(count, texts))
        # How often each text was drawn: one count over all of the chunk's resamples, each in its own range of numbers.
        drawn += numpy.arange(count)[:, None] * texts
        times = numpy.bincount(drawn.ravel(), minlength=count * texts).reshape(count, texts)
        sums.append(times.astype(numpy.float64) @ statistics)
    return numpy.concatenate(sums)


def _exchange(
    differences: numpy.ndarray,
    trials: int,
    seed: int,
) -> numpy.ndarray:
    """Sums of the differences of the texts that a trial exchanges. Shape: [n, k] -> [trials, k]."""
    differences = differences[numpy.any(differences != 0, axis=1)]  # exchanging equals changes nothing
    texts = len(differences)
    generator = build_generator(seed, "randomization")
    sums = []
    for count in _list_chunk_sizes(trials, texts):
        tosses = count * texts
        # A bit decides as well as a number, and takes an eighth of a byte.
        drawn = numpy.frombuffer(generator.bytes(tosses // 8 + 1), numpy.uint8)
        coins = numpy.unpackbits(drawn)[:tosses].reshape(count, texts)
        sums.append(coins.astype(numpy.float64) @ differences)
    return numpy.concatenate(sums)


def _list_chunk_sizes(total: int, texts: int) -> Iterator[int]:
    """Sizes of chunks that hold no more than CHUNK numbers each."""
    size = max(CHUNK // max(texts, 1), 1)
    while total > 0:
        yield min(size, total)
        total -= size

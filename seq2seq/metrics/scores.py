"""Scores of predictions by the metrics' names: texts in, figures out. No torch, no files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy

from ..base.errors import ScoringError
from ..text.normalization import normalize_text
from .metric import Metric
from .options import EvaluationOptions
from .significance import Bootstrap, PairedTest, compare_paired, compute_interval
from .table import find_metric

Interval = tuple[float, float]


@dataclass(frozen=True)
class Scores:
    """Values by metric, how each was computed, and their intervals where they were asked for."""

    values: dict[str, float]
    signatures: dict[str, str]
    intervals: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """One metric's values of two outputs A and B of the same texts, and whether they differ."""

    value_a: float
    value_b: float
    test: PairedTest
    signature: str


@dataclass(frozen=True)
class _Texts:
    """Sources, one or several lists of predictions, and references, after the same normalization.

    by_lines: the same with line breaks left in.
    """

    sources: list[str]
    predictions: list[list[str]]
    references: list[list[str]]
    by_lines: "_Texts | None" = None

    def compute_statistics(self, metric: Metric) -> list[numpy.ndarray]:
        """Of each list of predictions."""
        texts = self
        if metric.by_lines and self.by_lines is not None:
            texts = self.by_lines
        of_predictions = []
        for written in texts.predictions:
            rows = metric.compute_statistics(texts.sources, written, texts.references)
            if numpy.ndim(rows) != 2 or len(rows) != len(texts.sources):
                raise ScoringError(
                    f"metric {metric.name}: compute_statistics gave the shape {numpy.shape(rows)}, expected a row of "
                    f"figures for each of {len(texts.sources)} texts."
                )
            of_predictions.append(rows)
        return of_predictions


def compute_scores(
    *,
    sources: Sequence[str],
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    options: EvaluationOptions,
    bootstrap: Bootstrap | None = None,
    advance: Callable[[], None] | None = None,
) -> Scores:
    """Scores predictions by `options.metrics`, after the same normalization of all texts.

    Args:
        bootstrap: computes intervals too.
        advance: called once for each metric done.

    Raises:
        ScoringError: there is nothing to score, a text has no reference, or the three differ in number.
    """
    texts = _normalize(sources, [predictions], references, options)
    scores = Scores({}, {}, {})
    for name in options.metrics:
        metric = find_metric(name).adapt(texts.references, options)
        (statistics,) = texts.compute_statistics(metric)
        scores.values[name] = _compute_value(metric, statistics)
        scores.signatures[name] = _format_signature(metric, texts, options)
        if bootstrap is not None:
            scores.intervals[name] = compute_interval(metric, statistics, **bootstrap.to_dict())
        if advance is not None:
            advance()
    return scores


def compute_text_scores(
    metric: str,
    *,
    sources: Sequence[str],
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    options: EvaluationOptions,
) -> list[float]:
    """The value of each text alone, by one metric.

    Raises:
        ScoringError: as `compute_scores`.
    """
    texts = _normalize(sources, [predictions], references, options)
    adapted = find_metric(metric).adapt(texts.references, options)
    (statistics,) = texts.compute_statistics(adapted)
    return adapted.compute_text_values(statistics).tolist()


def compare_predictions(
    *,
    sources: Sequence[str],
    predictions_a: Sequence[str],
    predictions_b: Sequence[str],
    references: Sequence[Sequence[str]],
    options: EvaluationOptions,
    bootstrap: Bootstrap,
    trials: int,
    advance: Callable[[], None] | None = None,
) -> dict[str, Comparison]:
    """Tests two outputs of the same sources against each other, by every metric of `options.metrics`.

    Raises:
        ScoringError: as `compute_scores`.
    """
    texts = _normalize(
        sources,
        [predictions_a, predictions_b],
        references,
        options,
    )
    comparisons = {}
    for name in options.metrics:
        metric = find_metric(name).adapt(texts.references, options)
        statistics_a, statistics_b = texts.compute_statistics(metric)
        test = compare_paired(
            metric,
            statistics_a,
            statistics_b,
            trials=trials,
            **bootstrap.to_dict(),
        )
        comparisons[name] = Comparison(
            value_a=_compute_value(metric, statistics_a),
            value_b=_compute_value(metric, statistics_b),
            test=test,
            signature=_format_signature(metric, texts, options),
        )
        if advance is not None:
            advance()
    return comparisons


def _compute_value(metric: Metric, statistics: numpy.ndarray) -> float:
    """The value of all texts together. Shape: [texts, statistics]."""
    sums = statistics.sum(axis=0)
    return float(metric.aggregate(sums))


def _normalize(
    sources: Sequence[str],
    predictions: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    options: EvaluationOptions,
) -> _Texts:
    for written in predictions:
        _check_numbers(sources, written, references)

    def normalize(text: str) -> str:
        return normalize_text(text, options.normalization)

    def normalize_lines(text: str) -> str:
        lines = [normalize(line) for line in text.split("\n")]
        return "\n".join(lines)

    def build(change: Callable[[str], str], by_lines: _Texts | None = None) -> _Texts:
        def change_all(texts: Sequence[str]) -> list[str]:
            return [change(text) for text in texts]

        return _Texts(
            sources=change_all(sources),
            predictions=[change_all(written) for written in predictions],
            references=[change_all(row) for row in references],
            by_lines=by_lines,
        )

    # All texts once more, which only a metric of lines is worth.
    by_lines = None
    if any(find_metric(metric).by_lines for metric in options.metrics):
        by_lines = build(normalize_lines)
    return build(normalize, by_lines)


def _check_numbers(
    sources: Sequence[str],
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
) -> None:
    if not predictions or not len(sources) == len(predictions) == len(references):
        raise ScoringError(
            f"Expected as many sources and references as predictions, and at least one; found {len(sources)} sources, "
            f"{len(predictions)} predictions and {len(references)} sets of references."
        )
    for number, row in enumerate(references, start=1):
        if isinstance(row, str) or not row:
            raise ScoringError(f"Text {number}: expected a list of at least one reference, found {row!r}.")


def _format_signature(
    metric: Metric,
    texts: _Texts,
    options: EvaluationOptions,
) -> str:
    compared = f"compared after {', '.join(options.normalization) or 'no normalization'}"
    return f"{metric.format_signature(texts.references)}; {compared}"

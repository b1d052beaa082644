"""The metrics as `evaluate.Metric` classes, for people who use `evaluate`; they load nothing from the network.

    from seq2seq.metrics.evaluate_metrics import Sari
    Sari().compute(predictions=["a b"], references=[["a b", "b a"]], sources=["a b c"])   # {"sari": ...}

No file of this project imports this one: `import evaluate` takes ten seconds.
"""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

from ..base.errors import ScoringError
from .metric import Metric
from .options import EvaluationOptions
from .scores import compute_scores
from .table import METRICS


class TextMetric(evaluate.Metric):
    """One of `metrics.METRICS`, of corpora; references are a string or a list of strings for each text."""

    metric_name: str

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("string"), "references": datasets.Sequence(datasets.Value("string"))}
        if self._metric.needs_sources:
            features["sources"] = datasets.Value("string")
        return evaluate.MetricInfo(
            description=type(self._metric).__doc__ or "",
            citation="",
            features=datasets.Features(features),
        )

    @property
    def _metric(self) -> Metric:
        return METRICS[self.metric_name]

    def add_batch(self, *, predictions: Any = None, references: Any = None, **columns: Any) -> None:
        """Takes texts; `compute` too hands its own to this."""
        rows = [_list_references(row) for row in _require(references)]
        super().add_batch(predictions=predictions, references=rows, **columns)

    def add(self, *, prediction: Any = None, reference: Any = None, **columns: Any) -> None:
        """Takes one text; `evaluate.combine` hands it over in columns `predictions` and `references`."""
        row = {"predictions": prediction, "references": reference} | columns
        super().add(**row | {"references": _list_references(_require(row["references"]))})

    def _compute(
        self, predictions: Sequence[str], references: Sequence[Sequence[str]], sources: Sequence[str] | None = None
    ) -> dict[str, float]:
        return compute_scores(
            sources=sources if sources is not None else [""] * len(predictions),
            predictions=predictions,
            references=references,
            options=EvaluationOptions(metrics=(self.metric_name,), normalization=()),
        ).values


def _require(references: Any) -> Any:
    if references is None:
        raise ScoringError("Expected references, found none. Give a string or a list of strings for each prediction.")
    return references


def _list_references(row: str | Sequence[str]) -> list[str]:
    return [row] if isinstance(row, str) else list(row)


class Rouge1(TextMetric):
    metric_name = "rouge1"


class Rouge2(TextMetric):
    metric_name = "rouge2"


class RougeL(TextMetric):
    metric_name = "rougeL"


class RougeLsum(TextMetric):
    metric_name = "rougeLsum"


class Bleu(TextMetric):
    metric_name = "bleu"


class Chrf(TextMetric):
    metric_name = "chrf"


class Sari(TextMetric):
    metric_name = "sari"


class SariXu(TextMetric):
    metric_name = "sari_xu"


class ExactMatch(TextMetric):
    metric_name = "exact_match"


class Repetition(TextMetric):
    metric_name = "repetition"


class LengthRatio(TextMetric):
    metric_name = "length_ratio"


class CopiedWords(TextMetric):
    metric_name = "copied_words"

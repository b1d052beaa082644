"""The metrics as `evaluate.Metric` classes, for people who use `evaluate`; they load nothing from the network.

    from seq2seq.metrics.evaluate_metrics import Sari
    Sari().compute(predictions=["a b"], references=[["a b", "b a"]], sources=["a b c"])   # {"sari": ...}
    Bleu().compute(predictions=["a b"], references=["a b"], bleu_tokenizer="char")   # an option of `evaluation:`
    build_text_metric("my.module:METRIC")()   # one of your own

No file of this project imports this one: `import evaluate` takes ten seconds.
"""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

from ..base.errors import ScoringError
from ..base.options import build_options
from .metric import Metric
from .options import EvaluationOptions
from .scores import compute_scores
from .table import METRICS, find_metric


class TextMetric(evaluate.Metric):
    """One of `metrics.METRICS`, of corpora; references are a string or a list of strings for each text."""

    metric_name: str

    def _info(self) -> evaluate.MetricInfo:
        features = {
            "predictions": datasets.Value("string"),
            "references": datasets.Sequence(datasets.Value("string")),
        }
        if self._metric.needs_sources:
            features["sources"] = datasets.Value("string")
        return evaluate.MetricInfo(
            description=type(self._metric).__doc__ or "",
            citation="",
            features=datasets.Features(features),
        )

    @property
    def _metric(self) -> Metric:
        return find_metric(self.metric_name)

    def add_batch(
        self,
        *,
        predictions: Any = None,
        references: Any = None,
        **columns: Any,
    ) -> None:
        """Takes texts; `compute` too hands its own to this."""
        rows = [_list_references(row) for row in _require(references)]
        super().add_batch(predictions=predictions, references=rows, **columns)

    def add(
        self,
        *,
        prediction: Any = None,
        reference: Any = None,
        **columns: Any,
    ) -> None:
        """Takes one text; `evaluate.combine` hands it over in columns `predictions` and `references`."""
        row = {"predictions": prediction, "references": reference} | columns
        references = _require(row["references"])
        row["references"] = _list_references(references)
        super().add(**row)

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
        sources: Sequence[str] | None = None,
        **options: Any,
    ) -> dict[str, float]:
        """`options` are those under `evaluation:` of a recipe, such as bleu_tokenizer and language."""
        chosen = {"normalization": ()} | options | {"metrics": (self.metric_name,)}
        return compute_scores(
            sources=sources if sources is not None else [""] * len(predictions),
            predictions=predictions,
            references=references,
            options=build_options(EvaluationOptions, chosen),
        ).values


def _require(references: Any) -> Any:
    if references is None:
        raise ScoringError("Expected references, found none. Give a string or a list of strings for each prediction.")
    return references


def _list_references(row: str | Sequence[str]) -> list[str]:
    return [row] if isinstance(row, str) else list(row)


def build_text_metric(name: str) -> type[TextMetric]:
    """The class of a metric, by its name or package.module:OBJECT. 'sari_xu' -> SariXu

    Raises:
        ScoringError: there is no such metric.
    """
    metric = find_metric(name)
    words = name.rpartition(":")[2].split("_")
    title = "".join(word[:1].upper() + word[1:] for word in words)
    return type(title, (TextMetric,), {"metric_name": name, "__doc__": type(metric).__doc__, "__module__": __name__})


# Rouge1, Rouge2, RougeL, RougeLsum, Rouge1Words and its kin, Bleu, Chrf, Sari, SariXu, ExactMatch, Repetition, ...
CLASSES = {built.__name__: built for built in map(build_text_metric, METRICS)}
globals().update(CLASSES)
__all__ = ["TextMetric", "build_text_metric", *CLASSES]

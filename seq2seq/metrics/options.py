"""What a recipe says about scores: which metrics, and what counts when texts are compared. Imports no torch."""

from collections.abc import Collection

from pydantic import Field, field_validator

from ..base.options import Options, Strings
from ..text.normalization import Normalization
from .table import METRICS


class EvaluationOptions(Options):
    """The section `evaluation` of a recipe."""

    metrics: Strings = Field(("exact_match",), description=f"Of {', '.join(METRICS)}; left out: the task's.")
    normalization: Normalization = Field(
        ("collapse_spaces",),
        description="Steps on sources, predictions and references alike before they are compared: lowercase for models "
        "without case, separate_punctuation for tokenizers that cannot write the data's own spacing.",
    )
    lead_sentences: int = Field(1, gt=0, description="Of the baseline that copies the source's first sentences.")
    first_words: int | None = Field(
        None,
        gt=0,
        description="Of the baseline of the source's first words; null: the mean of the first 10,000 training targets, "
        "which checkpoints keep; for one that does not know it, the mean of the references.",
    )

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        if not metrics:
            raise ValueError(f"name at least one of {', '.join(METRICS)}")
        check_metrics(metrics, METRICS)
        return metrics


def check_metrics(metrics: tuple[str, ...], known: Collection[str]) -> None:
    """Raises ValueError for a metric that is not known, or named twice."""
    unknown = [metric for metric in metrics if metric not in known]
    if unknown:
        raise ValueError(f"unknown metric {', '.join(map(repr, unknown))}; expected some of {', '.join(known)}")
    if len(set(metrics)) < len(metrics):
        raise ValueError(f"a metric is named twice in {list(metrics)}")

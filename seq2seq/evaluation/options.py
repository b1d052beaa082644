"""What a recipe says about scores: which metrics, and what of case and spacing counts. Imports no torch."""

from typing import Literal

from pydantic import Field, field_validator

from ..options import Options, Strings

METRICS = ("exact_match", "sari", "bleu", "rouge1", "rouge2", "rougeL")


class EvaluationOptions(Options):
    """The section `evaluation` of a recipe. Case and spacing apply to sources, predictions and references alike."""

    metrics: Strings = Field(("exact_match",), description=f"Of {', '.join(METRICS)}; left out: the task's.")
    case: Literal["keep", "lower"] = Field("keep", description="lower compares without case, as for uncased models.")
    spacing: Literal["keep", "collapse", "separate_punctuation"] = Field(
        "collapse",
        description="collapse: runs of white space count as one space; separate_punctuation: also a space around every "
        "mark, for tokenizers that cannot write the data's own spacing.",
    )

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        if not metrics:
            raise ValueError(f"name at least one of {', '.join(METRICS)}")
        check_metrics(metrics, METRICS)
        return metrics


def check_metrics(metrics: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raises ValueError for a metric that is not known, or named twice."""
    unknown = [metric for metric in metrics if metric not in known]
    if unknown:
        raise ValueError(f"unknown metric {', '.join(map(repr, unknown))}; expected some of {', '.join(known)}")
    if len(set(metrics)) < len(metrics):
        raise ValueError(f"a metric is named twice in {list(metrics)}")

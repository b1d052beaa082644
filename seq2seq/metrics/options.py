"""What a recipe says about scores: which metrics, and what counts when texts are compared. Imports no torch."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, field_validator

from ..base.errors import ScoringError, Seq2SeqError
from ..base.objects import NAME_FORM, is_object_name
from ..base.options import MOST, Options, Strings
from ..text.normalization import Normalization
from .bleu_tokenizers import BleuTokenizer
from .table import METRICS, find_metric


class EvaluationOptions(Options):
    """The section `evaluation` of a recipe."""

    error: ClassVar[type[Seq2SeqError]] = ScoringError

    metrics: Strings = Field(
        ("exact_match",),
        description=f"The metrics to compute, the headline first: any of {', '.join(METRICS)}, or {NAME_FORM} for one "
        "of your own. Left out, they are the task's.",
    )
    normalization: Normalization = Field(
        ("collapse_spaces",),
        description="The normalizers that sources, predictions and references go through before they are compared: "
        "lowercase for models without case, separate_punctuation for tokenizers that cannot write the data's own "
        "spacing.",
    )
    bleu_tokenizer: BleuTokenizer | None = Field(
        None,
        description="The tokenizer of sacrebleu that bleu counts tokens of; null is the one for the script of the "
        "references: zh for Chinese, ja-mecab for Japanese, ko-mecab for Korean (both need a package more), char where "
        "no spaces part words, else 13a. flores200 needs a file that is not downloaded.",
    )
    language: str | None = Field(
        None,
        description="The language of the references, such as de or German, by whose rules rouge1_words and its kin cut "
        "words to their stems; null is that of model.target_language, and without either nothing is cut.",
    )
    lead_sentences: int = Field(
        1,
        gt=0,
        le=MOST,
        description="How many sentences the baseline has that copies the beginning of the source.",
    )
    first_words: int | None = Field(
        None,
        gt=0,
        le=MOST,
        description="How many words the baseline has that copies the beginning of the source; null is the mean of the "
        "first 10,000 training targets, which checkpoints keep, or else the mean of the references.",
    )

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        if not metrics:
            raise ValueError(f"name at least one of {', '.join(METRICS)}")
        check_metrics(metrics)
        return metrics


def check_metrics(metrics: Sequence[str], also: Sequence[str] = ()) -> None:
    """Raises ValueError for a metric that there is not, or that is named twice; `also` are names beside the table's."""
    known = (*also, *METRICS)
    unknown = [metric for metric in metrics if metric not in known and not is_object_name(metric)]
    if unknown:
        raise ValueError(
            f"unknown metric {', '.join(map(repr, unknown))}; expected some of {', '.join(known)}, or {NAME_FORM} for "
            "one of your own"
        )
    for metric in metrics:
        if metric not in known:
            _check_own(metric)
    if len(set(metrics)) < len(metrics):
        raise ValueError(f"a metric is named twice in {list(metrics)}")


def _check_own(metric: str) -> None:
    try:
        find_metric(metric)
    except ScoringError as error:
        raise ValueError(str(error).removeprefix("metrics: ")) from None  # the option is named before it

"""Metrics that see nothing, or little, of some references: their script is none of the metric's, or they are too short.

What a metric sees is found by scoring the references against themselves. Knows no file and no run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from ..base.console import errors
from .options import EvaluationOptions
from .rouge import ROUGE
from .rouge_words import SUFFIX
from .scores import compute_scores
from .table import find_metric

LOOKED_AT = 200  # references, evenly spaced: enough to tell, and scored in a second
SEES_LITTLE = 50.0  # of 100: less, and most of what texts say does not count
OF_ROUGE_SCORE = tuple(metric.name for metric in ROUGE)


@dataclass(frozen=True)
class Blindness:
    """A metric by which references score next to nothing against themselves, though higher is better.

    value: what they score, of 100. advice: a sentence.
    """

    metric: str
    value: float
    advice: str

    @property
    def is_total(self) -> bool:
        """Whether nothing of the references counts, so that no two outputs can be told apart."""
        return self.value == 0

    def __str__(self) -> str:
        return (
            f"{self.metric} sees {'nothing' if self.is_total else 'little'} of the references: against themselves they "
            f"score {self.value:.2f}. {self.advice}"
        )


@dataclass(frozen=True)
class _Mirror:
    """References to be scored against themselves, with the sources of their rows."""

    sources: Sequence[str]
    references: Sequence[Sequence[str]]
    options: EvaluationOptions

    def score(self, name: str) -> float:
        """The value of a metric, of some texts; where these have nothing for it, of all."""
        value = self._score_some(name, LOOKED_AT)
        if value == 0 and len(self.references) > LOOKED_AT:
            return self._score_some(name, len(self.references))
        return value

    def _score_some(self, name: str, wanted: int) -> float:
        step = max(len(self.references) // wanted, 1)
        references = list(islice(self.references, 0, None, step))
        scores = compute_scores(
            sources=list(islice(self.sources, 0, None, step)),
            predictions=[row[0] for row in references],
            references=references,
            options=self.options.model_copy(update={"metrics": (name,)}),
        )
        return scores.values[name]


def find_blind_metrics(
    sources: Sequence[str],
    references: Sequence[Sequence[str]],
    options: EvaluationOptions,
) -> list[Blindness]:
    """The metrics of `options.metrics` that see nothing or little of some references.

    Raises:
        ScoringError: as `compute_scores`.
    """
    mirror = _Mirror(sources, references, options)
    found = []
    for name in options.metrics:
        metric = find_metric(name)
        if metric.better != "higher":  # nothing is 100 of the others
            continue
        value = mirror.score(name)
        # With their source in play, the references themselves need not have 100.
        if value == 0 or (value < SEES_LITTLE and not metric.needs_sources):
            found.append(Blindness(name, value, _find_advice(name, mirror)))
    return found


def tell_blind_metrics(
    sources: Sequence[str] | None,
    references: Sequence[Sequence[str]],
    options: EvaluationOptions,
) -> None:
    """Says on standard error which metrics see nothing or little of some references; what fits nowhere is left alone.

    Raises:
        ScoringError: a metric cannot be computed here.
    """
    if sources is None:
        sources = [""] * len(references)
    if not references or len(sources) != len(references):  # refused where they are scored
        return
    for blindness in find_blind_metrics(sources, references, options):
        errors().print(str(blindness))


def _find_advice(name: str, mirror: _Mirror) -> str:
    if name in OF_ROUGE_SCORE and mirror.score(f"{name}{SUFFIX}") >= SEES_LITTLE:
        return f"It counts a-z and 0-9 alone; {name}{SUFFIX} counts the words of any script."
    if name == "bleu":
        return "It counts runs of four tokens; choose another evaluation.bleu_tokenizer, such as char, or chrf."
    return "They are too short for it, or of a script that it does not know; choose another metric."


def replace_blind_rouge(metrics: Sequence[str]) -> tuple[str, ...]:
    """The metrics with those of rouge_score replaced by their kin that count words of any script."""
    replaced = []
    for name in metrics:
        replaced.append(f"{name}{SUFFIX}" if name in OF_ROUGE_SCORE else name)
    return tuple(dict.fromkeys(replaced))


def find_seeing_metrics(
    references: Sequence[Sequence[str]],
    options: EvaluationOptions,
) -> tuple[str, ...] | None:
    """The metrics to compute in place of a task's where rouge_score is blind and its kin is not; None elsewhere."""
    if not references:
        return None
    mirror = _Mirror([""] * len(references), references, options)
    for name in options.metrics:
        if name in OF_ROUGE_SCORE and mirror.score(name) < SEES_LITTLE <= mirror.score(f"{name}{SUFFIX}"):
            return replace_blind_rouge(options.metrics)
    return None


def format_replaced(replaced: Sequence[str], metrics: Sequence[str]) -> str:
    """What to tell where a task's metrics were replaced."""
    gone = [name for name in metrics if name not in replaced]
    come = [name for name in replaced if name not in metrics]
    return (
        f"The task's {', '.join(gone)} count a-z and 0-9 alone and see next to nothing of these references. Scored by "
        f"{', '.join(come)} in their place; evaluation.metrics names others."
    )

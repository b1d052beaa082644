"""All metrics by name: the table that recipes, scores, tests of significance and training read.

A metric of a user's own goes by package.module:OBJECT in recipes, commands and files of scores alike.
"""

from collections.abc import Iterable

from ..base.errors import ScoringError
from ..base.objects import load_object
from .exact_match import ExactMatch
from .metric import Metric
from .repetition import Repetition
from .rouge import ROUGE
from .rouge_words import ROUGE_WORDS
from .sacrebleu_metrics import Bleu, Chrf
from .sari import Sari, SariXu
from .word_shares import CopiedWords, LengthRatio

_PLAIN = (ExactMatch(), Repetition(), LengthRatio(), CopiedWords())
_SHIPPED = (*ROUGE, *ROUGE_WORDS, Bleu(), Chrf(), Sari(), SariXu(), *_PLAIN)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _SHIPPED}


def find_metric(name: str) -> Metric:
    """The metric of a name.

    Raises:
        ScoringError: there is none, or the object is no Metric.
    """
    if name in METRICS:
        return METRICS[name]
    return load_object(name, Metric, "metrics", ScoringError)


def refuse_source_metrics(names: Iterable[str]) -> None:
    """Refuses metrics that compare with the sources, where these are no texts.

    Raises:
        ScoringError: naming the metrics.
    """
    needing = [name for name in names if find_metric(name).needs_sources]
    if needing:
        raise ScoringError(
            f"{', '.join(needing)} compares with the sources, which are no texts here. Choose other metrics "
            "(evaluation.metrics)."
        )

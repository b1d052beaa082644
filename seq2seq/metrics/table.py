"""All metrics by name: the table that recipes, scores, tests of significance and training read."""

from .exact_match import ExactMatch
from .metric import Metric
from .repetition import Repetition
from .rouge import ROUGE
from .sacrebleu_metrics import Bleu, Chrf
from .sari import Sari, SariXu
from .word_shares import CopiedWords, LengthRatio

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (*ROUGE, Bleu(), Chrf(), Sari(), SariXu(), ExactMatch(), Repetition(), LengthRatio(), CopiedWords())
}

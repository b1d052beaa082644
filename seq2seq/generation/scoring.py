"""Outputs against the examples they belong to, beside the baselines, as the tables and files of a run show them."""

from collections.abc import Callable, Mapping, Sequence

from transformers import PreTrainedTokenizerFast

from ..base.console import show_progress
from ..data.examples import Example
from ..metrics.baselines import measure_mean_words, name_first_words, name_lead, take_first_words, take_lead
from ..metrics.options import EvaluationOptions
from ..metrics.scores import Scores, compute_scores
from ..metrics.significance import Bootstrap
from ..text.tokenizers import TokenizerPair, decode_ids, encode_texts
from .generator import Generated

COPY_ROW = "copy of the source"
CEILING_ROW = "references through the target tokenizer"
INTERVALS = Bootstrap()  # of every table of scores


def score_predictions(
    examples: Sequence[Example],
    predictions: Sequence[str],
    options: EvaluationOptions,
    bootstrap: Bootstrap | None = None,
    advance: Callable[[], None] | None = None,
) -> Scores:
    """Scores outputs against the examples they belong to."""
    return compute_scores(
        sources=[example.source for example in examples],
        predictions=predictions,
        references=[example.references for example in examples],
        options=options,
        bootstrap=bootstrap,
        advance=advance,
    )


def score_outputs(
    outputs: Mapping[str, Sequence[str]],
    examples: Sequence[Example],
    options: EvaluationOptions,
) -> dict[str, Scores]:
    """Scores of several writers of the same examples by name, with intervals, behind a progress bar."""
    scores = {}
    with show_progress("scoring", len(outputs) * len(options.metrics)) as bar:
        for name, predictions in outputs.items():
            scores[name] = score_predictions(
                examples,
                predictions,
                options,
                INTERVALS,
                bar.advance,
            )
    return scores


def write_back(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[str]:
    """Texts as a model that knows the right tokens would write them: what the tokenizer makes of them and back."""
    return [decode_ids(tokenizer, ids) for ids in encode_texts(tokenizer, texts)]


def write_baselines(
    examples: Sequence[Example],
    tokenizers: TokenizerPair,
    options: EvaluationOptions,
    *,
    with_sources: bool = True,
) -> dict[str, list[str]]:
    """What every table of scores shows beside the model, by row: the source copied, its first sentences, its first
    words, and the first reference of each example written and read back by the target tokenizer, which is the ceiling
    that its case and spacing allow.

    Args:
        with_sources: whether the sources are texts; others cannot be copied.
    """
    references = [example.references[0] for example in examples]
    ceiling = {CEILING_ROW: write_back(tokenizers.target, references)}
    if not with_sources:
        return ceiling
    sources = [example.source for example in examples]
    sentences = options.lead_sentences
    words = options.first_words or measure_mean_words(references)
    return {
        COPY_ROW: sources,
        name_lead(sentences): [take_lead(source, sentences) for source in sources],
        name_first_words(words): [take_first_words(source, words) for source in sources],
        **ceiling,
    }


def summarize_scores(rows: Mapping[str, Scores]) -> dict:
    """What `score_outputs` gave as JSON: values and intervals by row, and the signatures they share."""
    signatures = next(iter(rows.values())).signatures
    intervals = {}
    for name, scores in rows.items():
        intervals[name] = {metric: list(interval) for metric, interval in scores.intervals.items()}
    return {
        "rows": {name: scores.values for name, scores in rows.items()},
        "intervals": intervals,
        "bootstrap": INTERVALS.to_dict(),
        "signatures": signatures,
    }


def build_prediction_rows(examples: Sequence[Example], generated: Generated) -> list[dict]:
    """Rows of predictions/<split>.jsonl."""
    sources = [example.source for example in examples]
    rows = []
    for row, example in zip(generated.to_rows(sources), examples, strict=True):
        rows.append(row | {"references": list(example.references)})
    return rows

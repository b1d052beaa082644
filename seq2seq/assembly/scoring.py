"""Outputs against the examples they belong to, beside the baselines, as the tables and files of a run show them."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

from ..data.examples import Example
from ..evaluation.options import EvaluationOptions
from ..evaluation.scores import Scores, compute_scores
from ..text.tokenizers import TokenizerPair, decode_ids, encode_texts

COPY_ROW = "copy of the source"
CEILING_ROW = "references through the target tokenizer"


def score_predictions(examples: Sequence[Example], predictions: Sequence[str], options: EvaluationOptions) -> Scores:
    """Scores outputs against the examples they belong to."""
    return compute_scores(
        sources=[example.source for example in examples],
        predictions=predictions,
        references=[example.references for example in examples],
        options=options,
    )


def write_back(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[str]:
    """Texts as a model that knows the right tokens would write them: what the tokenizer makes of them and back."""
    return [decode_ids(tokenizer, ids) for ids in encode_texts(tokenizer, texts)]


def score_baselines(
    examples: Sequence[Example], tokenizers: TokenizerPair, options: EvaluationOptions
) -> dict[str, Scores]:
    """What every table of scores shows beside the model: the source copied, and the first reference of each example
    written and read back by the target tokenizer, the ceiling that its case and spacing allow."""
    through = write_back(tokenizers.target, [example.references[0] for example in examples])
    return {
        COPY_ROW: score_predictions(examples, [example.source for example in examples], options),
        CEILING_ROW: score_predictions(examples, through, options),
    }


def describe_scores(rows: dict[str, Scores]) -> dict:
    """Scores of several writers as JSON: values by row, and the signatures they share."""
    signatures = next(iter(rows.values())).signatures
    return {"rows": {name: scores.values for name, scores in rows.items()}, "signatures": signatures}


def describe_predictions(examples: Sequence[Example], predictions: Sequence[str]) -> list[dict]:
    """Rows of predictions/<split>.jsonl."""
    return [
        {"source": example.source, "prediction": prediction, "references": list(example.references)}
        for example, prediction in zip(examples, predictions, strict=True)
    ]

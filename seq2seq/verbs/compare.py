"""Two files of predictions, tested against each other."""

from pathlib import Path
from typing import Any

from ..base.console import show_progress
from ..base.options import build_options
from ..base.signatures import takes_options
from ..data.plain_text import load_intact_texts
from ..data.predictions import drop_blank_ends, load_common_references, load_common_sources
from ..metrics.blindness import tell_blind_metrics
from ..metrics.scores import Comparison, compare_predictions
from ..metrics.significance import Bootstrap
from .options.compare import CompareOptions


@takes_options(CompareOptions)
def compare(
    predictions_a: str | Path,
    predictions_b: str | Path,
    **given: Any,
) -> dict[str, Comparison]:
    """Tests two files of predictions for the same sources against each other, by every metric.

    Files are those that `score` takes. Where the references are left out, both files are JSONL that hold them, such as
    the predictions of two runs.

    Returns:
        By metric: both values, their difference with its interval, and the p-value.

    Raises:
        DataError: a file is missing or broken.
        ScoringError: an option is wrong, references or sources are missing, or the files are not of the same texts.
    """
    options = build_options(CompareOptions, given)
    chosen = options.evaluation
    files = [predictions_a, predictions_b]
    table = options.table
    written_a = load_intact_texts(str(predictions_a), ["prediction"], table)
    written_b = load_intact_texts(str(predictions_b), ["prediction"], table)
    expected = load_common_references(options.references, files, options.references_column, table)
    read = load_common_sources(chosen.metrics, options.sources, files, table)
    drop_blank_ends(
        [
            (predictions_a, written_a),
            (predictions_b, written_b),
            (options.references or predictions_a, expected),
            (options.sources or predictions_a, read),
        ]
    )
    tell_blind_metrics(read, expected, chosen)
    with show_progress("comparing", len(chosen.metrics)) as bar:
        return compare_predictions(
            sources=[""] * len(written_a) if read is None else read,
            predictions_a=written_a,
            predictions_b=written_b,
            references=expected,
            options=chosen,
            bootstrap=Bootstrap(seed=options.seed),
            trials=options.trials,
            advance=bar.advance,
        )

"""Two files of predictions, tested against each other."""

from pathlib import Path
from typing import Any

from ..base.console import show_progress
from ..base.errors import ScoringError
from ..base.options import build_options
from ..data.plain_text import load_intact_texts
from ..data.predictions import load_common_references, load_common_sources
from ..metrics.options import EvaluationOptions
from ..metrics.scores import Comparison, compare_predictions
from ..metrics.significance import TRIALS, Bootstrap


def compare(
    predictions_a: str | Path,
    predictions_b: str | Path,
    *,
    references: str | Path | None = None,
    sources: str | Path | None = None,
    options: dict[str, Any],
    trials: int = TRIALS,
    seed: int = 1,
) -> dict[str, Comparison]:
    """Tests two files of predictions for the same sources against each other, by every metric.

    Files are those that `score` takes. Where the references are left out, both files are JSONL that hold them, such as
    the predictions of two runs.

    Args:
        options: those under `evaluation:` of a recipe; the metrics must be given.
        trials: exchanges of outputs that the p-value counts; it cannot be below 1 / (trials + 1).

    Returns:
        By metric: both values, their difference with its interval, and the p-value.

    Raises:
        DataError: a file is missing or broken.
        ScoringError: an option is wrong, references or sources are missing, or the files are not of the same texts.
    """
    chosen = build_options(EvaluationOptions, options, ScoringError)
    if trials < 1:
        raise ScoringError(f"Expected at least one trial, found {trials}.")
    files = [predictions_a, predictions_b]
    written_a, written_b = (load_intact_texts(str(file), ["prediction"]) for file in files)
    expected = load_common_references(references, files)
    read = load_common_sources(chosen.metrics, sources, files)
    with show_progress("comparing", len(chosen.metrics)) as bar:
        return compare_predictions(
            sources=[""] * len(written_a) if read is None else read,
            predictions_a=written_a,
            predictions_b=written_b,
            references=expected,
            options=chosen,
            bootstrap=Bootstrap(seed=seed),
            trials=trials,
            advance=bar.advance,
        )

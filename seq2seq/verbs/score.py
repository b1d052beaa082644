"""A file of predictions, measured."""

from pathlib import Path
from typing import Any

from ..base.console import show_progress
from ..base.errors import ScoringError
from ..base.options import build_options
from ..checkpoints.find import find_checkpoint
from ..data.plain_text import load_intact_texts, load_references
from ..data.predictions import load_common_sources
from ..generation.scoring import CEILING_ROW, write_back
from ..metrics.options import EvaluationOptions
from ..metrics.scores import Scores, compute_scores
from ..metrics.significance import Bootstrap
from ..text.tokenizers import load_tokenizers


def score(
    predictions: str | Path,
    references: str | Path,
    *,
    sources: str | Path | None = None,
    checkpoint: str | Path | None = None,
    options: dict[str, Any],
    intervals: bool = True,
    seed: int = 1,
) -> dict[str, Scores]:
    """Scores a file of predictions; each file is plain text, one text a line, or JSONL.

    In JSONL the columns are `prediction`, `references` (else `target`) and `source`, as in a run's predictions.

    Args:
        checkpoint: adds the row "references through the target tokenizer", of this checkpoint's tokenizer.
        sources: left out: those of a JSONL of predictions that has them.
        options: those under `evaluation:` of a recipe; the metrics must be given.
        intervals: computes bootstrap intervals too, from 1,000 resamples drawn by `seed`.

    Returns:
        Scores by row: the predictions' under the name of their file, then the ceiling where asked for.

    Raises:
        DataError: a file is missing or broken.
        ScoringError: an option is wrong, a metric lacks sources, or the files differ in length.
    """
    chosen = build_options(EvaluationOptions, options, ScoringError)
    written = load_intact_texts(str(predictions), ["prediction"])
    rows = {str(predictions): written}
    expected = load_references(str(references))
    if checkpoint is not None:
        tokenizer = load_tokenizers(find_checkpoint(checkpoint)).target
        rows[CEILING_ROW] = write_back(tokenizer, [row[0] for row in expected])
    read = load_common_sources(chosen.metrics, sources, [predictions])
    with show_progress("scoring", len(rows) * len(chosen.metrics)) as bar:
        return {
            name: compute_scores(
                sources=[""] * len(texts) if read is None else read,
                predictions=texts,
                references=expected,
                options=chosen,
                bootstrap=Bootstrap(seed=seed) if intervals else None,
                advance=bar.advance,
            )
            for name, texts in rows.items()
        }

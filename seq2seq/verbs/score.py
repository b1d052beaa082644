"""A file of predictions, measured."""

from pathlib import Path
from typing import Any

from ..base.console import show_progress
from ..base.options import build_options
from ..base.signatures import takes_options
from ..checkpoints.find import find_checkpoint
from ..data.plain_text import load_intact_texts, load_references
from ..data.predictions import drop_blank_ends, load_common_sources
from ..generation.scoring import CEILING_ROW, write_back
from ..metrics.blindness import tell_blind_metrics
from ..metrics.scores import Scores, compute_scores
from ..metrics.significance import Bootstrap
from ..text.tokenizers import load_tokenizers
from .early_checks import check_score
from .options.score import ScoreOptions


@takes_options(ScoreOptions)
def score(
    predictions: str | Path,
    references: str | Path,
    **given: Any,
) -> dict[str, Scores]:
    """Scores a file of predictions; each file is plain text, one text a line, or JSONL.

    In JSONL the columns are `prediction`, `references` (else `target`) and `source`, as in a run's predictions.

    Returns:
        Scores by row: the predictions' under the name of their file, then the ceiling where asked for.

    Raises:
        DataError: a file is missing or broken.
        ScoringError: an option is wrong, a metric lacks sources, or the files differ in length.
    """
    options = build_options(ScoreOptions, given | {"predictions": predictions, "references": references})
    check_score(options)
    table = options.table
    predicted = load_intact_texts(options.predictions, ["prediction"], table)
    expected = load_references(options.references, options.references_column, table)
    read = load_common_sources(options.metrics, options.sources, [options.predictions], table)
    read_from = options.predictions if options.sources is None else options.sources
    drop_blank_ends([(options.predictions, predicted), (options.references, expected), (read_from, read)])
    rows = {options.predictions: predicted}
    if options.checkpoint is not None:
        tokenizer = load_tokenizers(find_checkpoint(options.checkpoint)).target
        rows[CEILING_ROW] = write_back(tokenizer, [row[0] for row in expected])
    tell_blind_metrics(read, expected, options.evaluation)
    # Every metric takes sources; those that do without look at none.
    with show_progress("scoring", len(rows) * len(options.metrics)) as bar:
        return {
            name: compute_scores(
                sources=[""] * len(texts) if read is None else read,
                predictions=texts,
                references=expected,
                options=options.evaluation,
                bootstrap=Bootstrap(seed=options.seed) if options.intervals else None,
                advance=bar.advance,
            )
            for name, texts in rows.items()
        }

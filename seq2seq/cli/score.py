"""`seq2seq score`."""

from typing import Annotated

import typer


def run(
    predictions: Annotated[str, typer.Option(help="Texts one a line, or .jsonl with a column 'prediction'.")],
    references: Annotated[str, typer.Option(help="Texts one a line, or .jsonl with 'references' or 'target'.")],
    metrics: Annotated[str, typer.Option(help="Separated by commas, such as rouge1,sari.")],
    sources: Annotated[
        str | None,
        typer.Option(help="Texts one a line, or .jsonl with 'source'; left out: those of the predictions' .jsonl."),
    ] = None,
    checkpoint: Annotated[str | None, typer.Option(help="Adds the ceiling of this checkpoint's tokenizer.")] = None,
    normalization: Annotated[
        str, typer.Option(help="Steps on all texts, such as lowercase,separate_punctuation.")
    ] = "collapse_spaces",
    intervals: Annotated[bool, typer.Option(help="Bootstrap intervals, 95%, of 1,000 resamples of the texts.")] = True,
    seed: Annotated[int, typer.Option(help="Of the resamples.")] = 1,
) -> None:
    """Score a file of predictions."""
    from ..base.console import output
    from ..reports.tables import build_score_table
    from ..verbs.score import score
    from .arguments import split_names

    options = {"metrics": split_names(metrics), "normalization": split_names(normalization)}
    rows = score(
        predictions,
        references,
        sources=sources,
        checkpoint=checkpoint,
        options=options,
        intervals=intervals,
        seed=seed,
    )
    table = build_score_table(
        {name: scores.values for name, scores in rows.items()},
        "Scores",
        {name: scores.intervals for name, scores in rows.items()},
    )
    output().print(table)
    for metric, signature in rows[predictions].signatures.items():
        output().print(f"{metric}: {signature}")

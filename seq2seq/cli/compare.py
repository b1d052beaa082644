"""`seq2seq compare`."""

from typing import Annotated

import typer


def run(
    a: Annotated[str, typer.Argument(help="Predictions: texts one a line, or .jsonl with a column 'prediction'.")],
    b: Annotated[str, typer.Argument(help="Other predictions for the same sources.")],
    metrics: Annotated[str, typer.Option(help="Separated by commas, such as rouge1,sari.")],
    references: Annotated[
        str | None,
        typer.Option(help="Texts one a line, or .jsonl with 'references' or 'target'; left out: those of A and B."),
    ] = None,
    sources: Annotated[
        str | None, typer.Option(help="Texts one a line, or .jsonl with 'source'; left out: those of A and B.")
    ] = None,
    normalization: Annotated[
        str, typer.Option(help="Steps on all texts, such as lowercase,separate_punctuation.")
    ] = "collapse_spaces",
    trials: Annotated[int, typer.Option(help="Exchanges of outputs that the p-value counts.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of resamples and exchanges.")] = 1,
) -> None:
    """Test two files of predictions against each other: is their difference more than chance?"""
    from ..base.console import output
    from ..reports.tables import Difference, ScorePair, build_comparison_table
    from ..verbs.compare import compare
    from .arguments import split_names

    options = {"metrics": split_names(metrics), "normalization": split_names(normalization)}
    compared = compare(a, b, references=references, sources=sources, options=options, trials=trials, seed=seed)
    pairs = {}
    for metric, row in compared.items():
        difference = Difference(row.test.difference, row.test.low, row.test.high, row.test.p_value)
        pairs[metric] = ScorePair(row.value_a, row.value_b, difference)
    output().print(f"A: {a}")
    output().print(f"B: {b}")
    output().print(build_comparison_table(pairs, "A against B"))
    output().print("95%: interval of the difference, paired bootstrap of 1,000 resamples.")
    output().print(f"p: approximate randomization, {trials:,} trials. Seed of both: {seed}.")
    for metric, row in compared.items():
        output().print(f"{metric}: {row.signature}")

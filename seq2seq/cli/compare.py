"""`seq2seq compare`."""

from typing import Annotated, Any

import typer

from ..verbs.options.compare import CompareOptions
from .flags import read_flags, takes_flags


@takes_flags(CompareOptions)
def run(
    a: Annotated[
        str,
        typer.Argument(help="Predictions: texts one a line, or .jsonl with a column 'prediction', as runs write it."),
    ],
    b: Annotated[str, typer.Argument(help="Other predictions for the same sources.")],
    **flags: Any,
) -> None:
    """Test two files of predictions against each other.

    Is their difference more than chance?
    """
    from ..base.console import output
    from ..reports.tables import Difference, ScorePair, build_comparison_table
    from ..verbs.compare import compare

    options = read_flags(CompareOptions, flags)
    compared = compare(a, b, **dict(options))
    pairs = {}
    for metric, row in compared.items():
        test = row.test
        difference = Difference(test.difference, test.low, test.high, test.p_value)
        pairs[metric] = ScorePair(row.value_a, row.value_b, difference)
    output().print(f"A: {a}")
    output().print(f"B: {b}")
    output().print(build_comparison_table(pairs, "A against B"))
    output().print("95%: interval of the difference, paired bootstrap of 1,000 resamples.")
    output().print(f"p: approximate randomization, {options.trials:,} trials. Seed of both: {options.seed}.")
    for metric, row in compared.items():
        output().print(f"{metric}: {row.signature}")

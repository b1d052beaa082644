"""`seq2seq average`."""

from typing import Annotated, Any

import typer

from ..verbs.options.average import AverageOptions
from .flags import read_flags, takes_flags


@takes_flags(AverageOptions)
def run(
    checkpoints: Annotated[
        list[str], typer.Argument(help="Run folders (their best checkpoints), checkpoint folders or hub names.")
    ],
    **flags: Any,
) -> None:
    """Average the weights of checkpoints that differ in nothing else."""
    from ..base.console import errors, messages
    from ..verbs.early_checks import check_average

    options = read_flags(AverageOptions, flags)
    check_average(checkpoints, options)
    from ..verbs.average import average

    averaged = average(checkpoints, **dict(options))
    for folder in averaged.folders:
        messages().print(f"Averaged: {folder}")
    if averaged.differing:
        errors().print(f"They differ in {', '.join(averaged.differing)}; the last one's hold.")
    messages().print(f"Written: {options.output}")

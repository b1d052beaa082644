"""`seq2seq average`."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    checkpoints: Annotated[
        list[str], typer.Argument(help="Run folders (their best checkpoints), checkpoint folders or hub names.")
    ],
    output: Annotated[Path, typer.Option(help="The checkpoint folder to write; it must not exist.")],
    last: Annotated[
        int | None, typer.Option(min=2, help="So many of the newest checkpoints of one run folder.")
    ] = None,
) -> None:
    """Average the weights of checkpoints that differ in nothing else."""
    from ..base.console import errors
    from ..verbs.average import average

    averaged = average(checkpoints, output=output, last=last)
    for folder in averaged.folders:
        errors().print(f"Averaged: {folder}")
    if averaged.differing:
        errors().print(f"They differ in {', '.join(averaged.differing)}; the last one's hold.")
    errors().print(f"Written: {output}")

"""`seq2seq train`."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Options over it, as key.path=value.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the newest whole checkpoint of the run folder.")] = False,
) -> None:
    """Train by a recipe. On more processes: accelerate launch -m seq2seq train ..., or torchrun -m seq2seq train ..."""
    from ..verbs.train import train

    train(recipe, overrides or [], resume=resume)

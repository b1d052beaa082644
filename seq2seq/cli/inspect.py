"""`seq2seq inspect`."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Options over it, as key.path=value.")] = None,
    examples: Annotated[int, typer.Option(help="How many training pairs to show.")] = 3,
) -> None:
    """Show what would run: pairs exactly as the model sees them, truncation, and the origin of the parameters."""
    from .. import api

    api.inspect(recipe, overrides or [], examples=examples)

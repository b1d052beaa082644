"""`seq2seq inspect`."""

import os
from pathlib import Path
from typing import Annotated

import typer


def run(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Options over it, as key.path=value.")] = None,
    examples: Annotated[int, typer.Option(help="How many rows of each split to show.")] = 2,
    time: Annotated[bool, typer.Option("--time/--no-time", help="Run some updates to estimate the time.")] = True,
    json: Annotated[Path | None, typer.Option(help="Write all figures here too, as JSON.")] = None,
) -> None:
    """Show what would run before an hour is spent: rows as the model sees them, lengths, duplicates, time, warnings."""
    from ..base.console import errors, output
    from ..base.files import write_json
    from ..generation.outputs import check_output
    from ..processes.launch import is_first_process
    from ..verbs.inspect.display import list_tables
    from ..verbs.inspect.inspect import inspect

    if json is not None:
        check_output(json)
    inspection = inspect(recipe, overrides or [], examples=examples, time=time)
    if not is_first_process(os.environ):
        return
    for part in list_tables(inspection):
        output().print(part)
    if json is not None:
        write_json(json, inspection.to_dict())
        errors().print(f"Written: {json}")

"""What several commands understand alike."""

from collections.abc import Mapping
from typing import Annotated

import typer

CheckpointName = Annotated[str, typer.Argument(help="A run folder, a checkpoint folder or a hub name.")]
DataNames = Annotated[list[str], typer.Option(help="A data file, as in a recipe; may be given more than once.")]
Columns = Annotated[str | None, typer.Option(help="Several by commas; left out: as the checkpoint says.")]
Header = Annotated[str | None, typer.Option(help="Columns of CSV and TSV without a header line, by commas.")]


def format_truncated(option: str, found: Mapping[str, int]) -> str | None:
    """'--data: cut at the model's limits: sources 2, targets 0'; None where no text was."""
    sources, targets = found["truncated_sources"], found["truncated_targets"]
    cut = f"{option}: cut at the model's limits: sources {sources:,}, targets {targets:,}"
    return cut if sources or targets else None


def split_names(names: str | None) -> list[str] | None:
    """Names separated by commas; an option left out stays so. 'a,b' -> ['a', 'b'], '' -> []"""
    return names if names is None else [name.strip() for name in names.split(",")] if names else []


def name_columns(source: str | None, target: str | None) -> dict[str, list[str]]:
    """The columns of a data file, as under `data.columns` of a recipe, as far as they are given."""
    columns = {"source": split_names(source), "target": split_names(target)}
    return {name: value for name, value in columns.items() if value is not None}

"""What several commands understand, and say, alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

CheckpointName = Annotated[str, typer.Argument(help="A run folder, a checkpoint folder or a hub name.")]
RecipePath = Annotated[Path, typer.Argument(help="The recipe, a YAML file.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="Options that go over it, as key.path=value.")]


def format_truncated(option: str, counts: Mapping[str, int]) -> str | None:
    """'--data: cut at the model's limits: sources 2, targets 0 ...', with the limits; None where no text was."""
    sources = counts["truncated_sources"]
    targets = counts["truncated_targets"]
    if not sources and not targets:
        return None
    return (
        f"{option}: cut at the model's limits: sources {sources:,}, targets {targets:,} "
        f"(at {counts['max_source_tokens']} and {counts['max_target_tokens']} tokens, data.max_source_tokens and "
        "data.max_target_tokens of its recipe)"
    )

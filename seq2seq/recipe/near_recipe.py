"""What to give in place of a path that is no recipe."""

from pathlib import Path

from ..base.near_paths import format_near_path
from ..run_folder.folder import RECIPE_FILE
from .shipped import find_shipped_name

RUN_PARTS = {"progress.jsonl", "checkpoints"}  # what stands beside the recipe of a run
CHECKPOINT_PARTS = ("seq2seq.json", "config.json")


def format_recipe_hint(path: Path) -> str:
    """A sentence behind a blank; nothing where nobody can tell what was meant."""
    if path.is_dir():
        return _format_folder_hint(path)
    near = format_near_path(path)
    if near:
        return near
    name = find_shipped_name(path)
    if name is None:
        return " `seq2seq recipes` lists those that come with the package."
    return f" The package has {name}: `seq2seq recipes copy {name}` puts it into recipes/{name}.yaml."


def _format_folder_hint(path: Path) -> str:
    recipe = path / RECIPE_FILE
    if recipe.exists() and any((path / part).exists() for part in RUN_PARTS):
        return f" It is a run folder; give the recipe that it was begun with, and --resume, or its own, {recipe}."
    if any((path / part).exists() for part in CHECKPOINT_PARTS):
        return f" It is a checkpoint; to train it further, say model.plan=pretrained model.checkpoint={path}."
    inside = sorted(path.glob("*.yaml"))
    return f" Did you mean {inside[0]}?" if inside else ""

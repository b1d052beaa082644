"""What to give in place of a path that is no recipe."""

from pathlib import Path

from ..base.near_paths import format_near_path
from ..checkpoints.description import DESCRIPTION_FILE
from ..run_folder.folder import RunFolder
from .shipped import find_shipped_name

CHECKPOINT_PARTS = (DESCRIPTION_FILE, "config.json")


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
    run = RunFolder(path)
    if run.exists() and (run.progress.exists() or run.checkpoints.exists()):
        return f" It is a run folder; give the recipe that it was begun with, and --resume, or its own, {run.recipe}."
    if any((path / part).exists() for part in CHECKPOINT_PARTS):
        return f" It is a checkpoint; to train it further, say model.plan=pretrained model.checkpoint={path}."
    inside = sorted(path.glob("*.yaml"))
    return f" Did you mean {inside[0]}?" if inside else ""

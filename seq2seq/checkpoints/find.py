"""Which folder a checkpoint argument means: a checkpoint, the best of a run, the newest whole one, or a hub name.

Paths alone: imports no torch, and the hub's library where a name is asked for there.
"""

import re
from pathlib import Path

from ..base.errors import CheckpointError, Seq2SeqError
from ..base.hub import download
from ..base.output_paths import check_replaceable_folder
from ..modeling.lookalikes import find_advice
from ..run_folder.steps import CHECKPOINTS_FOLDER, list_saved, list_steps, load_best, step_folder
from .description import DESCRIPTION_FILE, TRAINING_FOLDER
from .manifest import check_manifest

HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def find_newest_whole(run: Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint whose files are what was written, and why newer ones were passed over."""
    refused = []
    for _, folder in reversed(list_saved(run)):
        try:
            check_manifest(folder)
        except CheckpointError as error:
            refused.append(str(error))
        else:
            return folder, refused
    return None, refused


def find_checkpoint(name: str | Path) -> Path:
    """The checkpoint folder that a user's argument means: a run's best, else newest; a checkpoint folder; a hub name.

    Raises:
        CheckpointError: there is none.
    """
    return find_local(name) or _download(str(name))


def find_local(name: str | Path) -> Path | None:
    """What `find_checkpoint` finds on this machine; None for a name that only the hub may know.

    Raises:
        CheckpointError: there is none, and it is no name for the hub.
    """
    folder = Path(name)
    if (folder / DESCRIPTION_FILE).exists():
        return folder
    if (folder / CHECKPOINTS_FOLDER).exists():
        return _find_in_run(folder)
    if _is_published(folder):
        return folder
    advice = find_advice(folder)
    if folder.exists():
        held = ", ".join(_list_first_names(folder)) or "nothing"
        what = f"; it holds {held}" if folder.is_dir() else ", but a file"
        raise CheckpointError(
            f"{folder} is neither a run folder (with {CHECKPOINTS_FOLDER}/) nor a checkpoint (with {DESCRIPTION_FILE} "
            f"or the config.json of an encoder-decoder){what}." + (f" {advice}" if advice else "")
        )
    if not HUB_NAME.fullmatch(str(name)):
        advice = advice or "Give a run folder, a checkpoint folder or a hub name."
        raise CheckpointError(f"{name} does not exist. {advice}")
    return None


def _find_in_run(run: Path) -> Path:
    """The best checkpoint of a run, else its newest; the next of them that is there, where one was deleted.

    Raises:
        CheckpointError: there is none.
    """
    folders = [folder for _, folder in reversed(list_saved(run))]
    best = load_best(run)
    if best is not None:
        folders = [step_folder(run, best["step"]), *folders]
    for folder in folders:
        if (folder / DESCRIPTION_FILE).exists():
            return folder
    raise CheckpointError(f"{run} is a run folder without a checkpoint yet.")


def list_last(run: Path, count: int) -> list[Path]:
    """The last checkpoints of a run, newest last.

    Raises:
        CheckpointError: the folder is no run, or has fewer.
    """
    if not (run / CHECKPOINTS_FOLDER).exists():
        raise CheckpointError(f"{run} is no run folder (with {CHECKPOINTS_FOLDER}/), so it has no last checkpoints.")
    steps = list_steps(run)
    if len(steps) < count:
        listed = ", ".join(map(str, steps)) or "none"
        raise CheckpointError(
            f"{run} has {len(steps)} checkpoints, not {count} (steps found: {listed}). Ask for fewer; in another run, "
            "training.keep_checkpoints says how many are kept."
        )
    return [step_folder(run, step) for step in steps[-count:]]


def _list_first_names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir())[:5]


def _download(name: str) -> Path:
    folder = download(name, CheckpointError)
    if not (folder / DESCRIPTION_FILE).exists() and not _is_published(folder):
        advice = find_advice(folder)
        raise CheckpointError(
            f"{name} on the hub has neither {DESCRIPTION_FILE} nor config.json: it is no checkpoint."
            + (f" {advice}" if advice else "")
        )
    return folder


def _is_published(folder: Path) -> bool:
    """Whether a folder looks like a checkpoint of transformers; reading it tells whether it is an encoder-decoder."""
    return (folder / "config.json").exists()


def check_replaceable_checkpoint(
    folder: Path,
    *,
    overwrite: bool,
    error: type[Seq2SeqError] = CheckpointError,
) -> None:
    """Refuses to write a checkpoint where something else is than, with `overwrite`, one that no run can go on from.

    Raises:
        error: as `check_replaceable_folder`.
    """
    check_replaceable_folder(
        folder,
        overwrite=overwrite,
        mark=DESCRIPTION_FILE,
        without=TRAINING_FOLDER,
        error=error,
    )

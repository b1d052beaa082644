"""Where a run keeps the checkpoints of its steps, and which is the best. Paths only; imports no torch."""

import re
from operator import itemgetter
from pathlib import Path

from ..base.errors import CheckpointError, DataError
from ..base.files import load_json, write_json

CHECKPOINTS_FOLDER = "checkpoints"
BEST_FILE = "best.json"
STEP = "step"
RESCUE = "rescue"  # a checkpoint by the clock: to go on from, not counted, replaced by the next of either kind


def step_folder(run: Path, step: int) -> Path:
    """Where a run keeps the checkpoint of a step: checkpoints/step_00001000."""
    return _name_folder(run, STEP, step)


def rescue_folder(run: Path, step: int) -> Path:
    """Where a run keeps the rescue point of a step: checkpoints/rescue_00001234."""
    return _name_folder(run, RESCUE, step)


def _name_folder(run: Path, kind: str, step: int) -> Path:
    return run / CHECKPOINTS_FOLDER / f"{kind}_{step:08d}"


def list_steps(run: Path) -> list[int]:
    """The steps of a run that have a checkpoint, newest last; half-written ones have another name."""
    return _list_steps_of(run, STEP)


def list_rescues(run: Path) -> list[int]:
    """The steps of a run that have a rescue point, newest last: one, or two for a moment."""
    return _list_steps_of(run, RESCUE)


def _list_steps_of(run: Path, kind: str) -> list[int]:
    folder = run / CHECKPOINTS_FOLDER
    if not folder.exists():
        return []
    pattern = re.compile(rf"{kind}_(\d{{8}})")
    matches = [pattern.fullmatch(path.name) for path in folder.iterdir()]
    return sorted(int(match[1]) for match in matches if match)


def list_saved(run: Path) -> list[tuple[int, Path]]:
    """Steps and folders of all that a run can go on from, checkpoints and rescue points, newest last."""
    saved = [(step, rescue_folder(run, step)) for step in list_rescues(run)]
    saved += [(step, step_folder(run, step)) for step in list_steps(run)]
    return sorted(saved, key=itemgetter(0))  # of one step the checkpoint is behind the rescue point


def record_best(run: Path, *, step: int, metric: str, value: float) -> None:
    """Names the best checkpoint of a run in checkpoints/best.json."""
    best = {"step": step, "metric": metric, "value": value}
    write_json(run / CHECKPOINTS_FOLDER / BEST_FILE, best)


def forget_best(run: Path) -> None:
    """Takes the title of the best away from every checkpoint of a run."""
    (run / CHECKPOINTS_FOLDER / BEST_FILE).unlink(missing_ok=True)


def load_best(run: Path) -> dict | None:
    """What `record_best` wrote, or None.

    Raises:
        DataError: the file holds something else.
    """
    path = run / CHECKPOINTS_FOLDER / BEST_FILE
    if not path.exists():
        return None
    best = load_json(path)
    if not isinstance(best, dict) or best.keys() != {"step", "metric", "value"}:
        raise DataError(f"{path}: expected step, metric and value of the best checkpoint, found {best!r}. Put it back.")
    return best


def find_chosen(run: Path) -> Path | None:
    """The checkpoint that a run is used by: its best, else its newest; None where it has none."""
    best = load_best(run)
    if best:
        return step_folder(run, best["step"])
    saved = list_saved(run)
    return saved[-1][1] if saved else None


def get_chosen(run: Path) -> Path:
    """The checkpoint that a run is used by.

    Raises:
        CheckpointError: it has none.
    """
    chosen = find_chosen(run)
    if chosen is None:
        raise CheckpointError(f"{run} has no checkpoint yet. Train it, or put its {CHECKPOINTS_FOLDER}/ back.")
    return chosen

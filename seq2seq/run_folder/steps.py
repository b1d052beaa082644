"""Where a run keeps the checkpoints of its steps, and which is the best. Paths only; imports no torch."""

import re
from pathlib import Path

from ..base.errors import DataError
from ..base.files import load_json, write_json

CHECKPOINTS_FOLDER = "checkpoints"
BEST_FILE = "best.json"
STEP_FOLDER = re.compile(r"step_(\d{8})")


def step_folder(run: Path, step: int) -> Path:
    """Where a run keeps the checkpoint of a step: checkpoints/step_00001000."""
    return run / CHECKPOINTS_FOLDER / f"step_{step:08d}"


def list_steps(run: Path) -> list[int]:
    """The steps of a run that have a checkpoint, newest last; half-written ones have another name."""
    folder = run / CHECKPOINTS_FOLDER
    if not folder.exists():
        return []
    steps = []
    for path in folder.glob("step_*"):
        match = STEP_FOLDER.fullmatch(path.name)
        if match:
            steps.append(int(match[1]))
    return sorted(steps)


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
    steps = list_steps(run)
    return step_folder(run, steps[-1]) if steps else None

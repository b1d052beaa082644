"""A training run that kills itself with SIGKILL at a chosen moment; `kill_and_resume.py` starts it.

    torchrun --nproc_per_node 2 -m tests.benchmarks.killed_run MOMENT COUNT HEARTBEAT train RECIPE.yaml --resume

A moment is a call of a function that the run comes by, and what is done of that call before the kill. Functions are
wrapped by name; nothing of the run itself knows of it. HEARTBEAT is a file that holds the last step logged.
"""

import functools
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import accelerate.optimizer
from accelerate import Accelerator

from seq2seq.checkpoints import folder as folder_module
from seq2seq.cli.main import main as run_command
from seq2seq.generation.generator import Generator
from seq2seq.run_folder.folder import RunFolder
from seq2seq.runs import validation as validation_module
from seq2seq.runs.run import Run
from seq2seq.runs.saving import CheckpointWriter
from seq2seq.runs.validation import Validation

Function = Callable[..., Any]
# Methods that a moment may lie within, and whose they are.
STAGES = {"open_folder": Run, "measure": Validation, "save": CheckpointWriter, "write_test_results": Run}
active_stages: list[str] = []


def stop_before(function: Function, *arguments: Any, **options: Any) -> None:
    """Nothing of the call is done."""


def stop_after(function: Function, *arguments: Any, **options: Any) -> None:
    function(*arguments, **options)


def leave_half_a_file(function: Function, tensors: dict, path: Path, **options: Any) -> None:
    function(tensors, path, **options)
    os.truncate(path, path.stat().st_size // 2)


def leave_half_a_line(function: Function, folder: RunFolder, event: dict) -> None:
    line = json.dumps(event)
    with folder.progress.open("a") as file:
        file.write(line[: len(line) // 2])


def leave_half_a_folder(function: Function, path: Path, **options: Any) -> None:
    for file in sorted(path.glob("*.json")):
        file.unlink()


@dataclass(frozen=True)
class Moment:
    """The kill: at a call of `name` in `owner`, within a stage of the run, for arguments that match.

    of_all: every process makes this call, so any of them may be the one to be killed.
    """

    owner: Any
    name: str
    strike: Function = stop_before
    within: str | None = None
    matches: Callable[..., bool] = lambda *arguments, **options: True
    of_all: bool = False


def named(name: str) -> Callable[..., bool]:
    """Matches calls whose second argument is a path whose name begins so: os.replace(from, to), save_file(what, to)."""
    return lambda first, path, **options: Path(path).name.startswith(name)


def of_event(event: str) -> Callable[..., bool]:
    return lambda folder, values: values["event"] == event


def is_old_checkpoint(path: Path, **options: Any) -> bool:
    return Path(path).name.endswith(".removed") and Path(path).exists()


START = {
    "start-up: recipe.yaml half written": Moment(os, "replace", matches=named("recipe.yaml")),
    "start-up: before origin.json": Moment(os, "replace", matches=named("origin.json")),
}
MIDDLE = {
    "step: before the backward pass": Moment(Accelerator, "backward", of_all=True),
    "step: after the update": Moment(accelerate.optimizer.AcceleratedOptimizer, "step", stop_after, of_all=True),
    "validation: loss computed": Moment(validation_module, "compute_validation_loss", stop_after, of_all=True),
    "validation: texts being written": Moment(Generator, "generate", within="measure", of_all=True),
    "checkpoint: model.safetensors half written": Moment(
        folder_module, "save_file", leave_half_a_file, "save", named("model.")
    ),
    "checkpoint: optimizer.safetensors half written": Moment(
        folder_module, "save_file", leave_half_a_file, "save", named("optimizer.")
    ),
    "checkpoint: whole, not yet named": Moment(os, "replace", within="save", matches=named("step_")),
    "checkpoint: named, before best.json": Moment(os, "replace", within="save", matches=named("best.json")),
    "checkpoint: named, before its event": Moment(RunFolder, "append_progress", matches=of_event("checkpoint")),
    "checkpoint: an old one half removed": Moment(
        shutil, "rmtree", leave_half_a_folder, "save", matches=is_old_checkpoint
    ),
    "progress.jsonl: half a line": Moment(RunFolder, "append_progress", leave_half_a_line, matches=of_event("train")),
    "resuming: progress.jsonl being cut": Moment(
        os, "replace", within="open_folder", matches=named("progress.jsonl")
    ),
}  # fmt: skip
END = {
    "last checkpoint: before the end is logged": Moment(RunFolder, "append_progress", matches=of_event("end")),
    "test set: texts being written": Moment(Generator, "generate", within="write_test_results", of_all=True),
    "test set: before scores.json": Moment(os, "replace", matches=named("scores.json")),
    "end: before README.md": Moment(os, "replace", matches=named("README.md")),
}
MOMENTS = START | MIDDLE | END


def arm(moment: Moment | None, count: int, heartbeat: Path) -> None:
    """Lets this process kill itself at the count-th call of a moment, if any, and note each step that it logs."""
    for stage, owner in STAGES.items():
        _wrap(owner, stage, functools.partial(_run_stage, stage))
    _wrap(RunFolder, "append_progress", functools.partial(_append_progress, heartbeat))
    victim = count % int(os.environ.get("WORLD_SIZE", "1")) if moment is not None and moment.of_all else 0
    if moment is not None and int(os.environ.get("RANK", "0")) == victim:
        _wrap(moment.owner, moment.name, functools.partial(_strike, moment, iter(range(count - 1, -1, -1))))


def _wrap(owner: Any, name: str, wrapper: Function) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        return wrapper(original, *arguments, **options)

    setattr(owner, name, wrapped)


def _run_stage(stage: str, method: Function, *arguments: Any) -> Any:
    active_stages.append(stage)
    try:
        return method(*arguments)
    finally:
        active_stages.pop()


def _append_progress(heartbeat: Path, append: Function, folder: RunFolder, event: dict) -> None:
    append(folder, event)
    descriptor = os.open(heartbeat, os.O_WRONLY | os.O_CREAT, 0o644)
    os.pwrite(descriptor, b"%8d" % event["step"], 0)  # at once and of one width, so that a reader never meets half
    os.close(descriptor)


def _strike(moment: Moment, calls_left: Any, function: Function, *arguments: Any, **options: Any) -> Any:
    met = (moment.within is None or moment.within in active_stages) and moment.matches(*arguments, **options)
    if met and next(calls_left) == 0:
        moment.strike(function, *arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*arguments, **options)


def main(phase: str, count: int, heartbeat: Path, arguments: list[str]) -> None:
    """Runs a command of seq2seq that is killed in a phase; a phase that is no moment's kills nothing."""
    arm(MOMENTS.get(phase), count, heartbeat)
    sys.argv = ["seq2seq", *arguments]
    run_command()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])

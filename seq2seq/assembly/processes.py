"""The processes of a run: the accelerator, what the main one does alone, and text written by all of them."""

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import ProjectConfiguration, broadcast_object_list, gather_object
from torch import distributed

from ..errors import TrainingError
from ..generation.generator import Generator
from ..recipe import Recipe
from ..reports.console import show_progress
from ..reports.run_folder import RunFolder
from .launch import check_launch, count_processes, read_launcher_command
from .trackers import check_trackers

T = TypeVar("T")
PATIENCE = timedelta(days=30)  # the usual ten or thirty minutes are too short to tokenize a large corpus in


def build_accelerator(recipe: Recipe) -> Accelerator:
    """The accelerator of a recipe's precision and trackers, on the GPU where there is one.

    Raises:
        TrainingError: as `check_launch`; fp16 without a GPU; or Accelerate counts other processes than the launcher.
        RecipeError: as `check_trackers`.
    """
    precision, trackers = recipe.training.precision, recipe.training.trackers
    check_launch(os.environ, read_launcher_command(), precision)
    check_trackers(trackers)
    if precision == "fp16" and not torch.cuda.is_available():
        raise TrainingError("training.precision: fp16 needs a GPU, and torch finds none here. Set it to bf16 or fp32.")
    # Accelerate keeps the first precision of a process for ever; a second run in it may want another.
    AcceleratorState._reset_state()
    accelerator = Accelerator(
        mixed_precision="no" if precision == "fp32" else precision,
        cpu=not torch.cuda.is_available(),
        log_with=list(trackers) or None,
        project_config=ProjectConfiguration(logging_dir=str(RunFolder(Path(recipe.output)).trackers)),
    )
    if accelerator.num_processes != count_processes(os.environ):
        raise TrainingError(
            f"Accelerate runs {accelerator.num_processes} processes where the launcher set WORLD_SIZE to "
            f"{os.environ['WORLD_SIZE']}. Begin the run in a fresh process of its own."
        )
    return accelerator


def run_on_main(accelerator: Accelerator, action: Callable[[], None]) -> None:
    """Runs an action on the main process alone; where it fails, every process stops instead of waiting for ever."""
    failure: list[str | None] = [None]
    try:
        if accelerator.is_main_process:
            action()
    except BaseException as error:
        failure = [str(error)]
        raise
    finally:
        broadcast_object_list(failure)
    if failure[0] is not None:
        raise TrainingError(f"The main process stopped: {failure[0]}")


def decide_on_main(value: bool) -> bool:
    """The main process's answer, on every process: what each reads from disk may differ by when it reads."""
    values = [value]
    broadcast_object_list(values)
    return values[0]


def run_once_a_machine(accelerator: Accelerator, action: Callable[[], T]) -> T:
    """The result of an action that the first process of each machine runs while the others wait, however long.

    Where it fails on one machine, every process stops instead of waiting for ever.

    Raises:
        TrainingError: it failed elsewhere.
    """
    if accelerator.num_processes == 1:
        return action()
    waiting = distributed.new_group(backend="gloo", timeout=PATIENCE)
    result = failure = None
    try:
        if accelerator.is_local_main_process:
            result = action()
    except BaseException as error:
        failure = str(error) or type(error).__name__
        raise
    finally:
        outcomes: list[Any] = [None] * accelerator.num_processes
        distributed.all_gather_object(outcomes, (result, failure), group=waiting)
    for process, (_, failure) in enumerate(outcomes):
        if failure is not None:
            raise TrainingError(f"Process {process} stopped: {failure}")
    first = accelerator.process_index - accelerator.local_process_index  # a machine's processes are numbered in a row
    return outcomes[first][0]


def leave_processes(accelerator: Accelerator) -> None:
    """Ends a run's process group; the caller drops its own references to the prepared model first.

    torch destroys a group without Python's lock, except where the last to hold it is a DistributedDataParallel: then
    the group waits for its threads, and a thread that still has to free a tensor waits for the lock, for ever.
    """
    accelerator.free_memory()
    accelerator.end_training()


def generate_in_processes(accelerator: Accelerator, generator: Generator, sources: Sequence[str]) -> list[str]:
    """Outputs of all sources in order, on every process; each process writes every n-th."""
    mine = list(sources[accelerator.process_index :: accelerator.num_processes])
    with show_progress("generating", len(mine), visible=accelerator.is_main_process) as bar:
        written = generator.generate(mine, bar.advance).texts
    outputs = [""] * len(sources)
    shares = gather_object([(accelerator.process_index, written)])
    for process, texts in shares:
        outputs[process :: accelerator.num_processes] = texts
    return outputs

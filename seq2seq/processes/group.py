"""The processes of a command: the accelerator, what the main one does alone, and text written by all of them."""

import atexit
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import ProjectConfiguration, broadcast_object_list
from torch import distributed

from ..base.console import show_progress
from ..base.errors import TrainingError
from ..engines.batching import Batch, Result, Share
from ..generation.generator import Generated, Generator
from ..recipe.recipe import Recipe
from ..run_folder.folder import RunFolder
from .launch import check_launch, count_processes, read_launcher_command
from .trackers import check_trackers

T = TypeVar("T")
Processes: TypeAlias = Accelerator | PartialState
PATIENCE = timedelta(days=30)  # the usual ten or thirty minutes are too short to tokenize a large corpus in


def join_run(recipe: Recipe) -> PartialState:
    """The processes of a run, whose model is not there yet, nor perhaps its precision; on the GPU where there is one.

    Raises:
        TrainingError: as `check_launch`; fp16 without a GPU; or Accelerate counts other processes than the launcher.
        RecipeError: as `check_trackers`.
    """
    precision = recipe.training.precision
    check_launch(os.environ, read_launcher_command(), precision)
    check_trackers(recipe.training.trackers)
    if precision == "fp16" and not torch.cuda.is_available():
        raise TrainingError("training.precision: fp16 needs a GPU, and torch finds none here. Set it to bf16 or fp32.")
    return _join_processes()


def build_accelerator(recipe: Recipe) -> Accelerator:
    """The accelerator of a recipe's precision and trackers; where that is still auto, it computes in fp32.

    Raises:
        TrainingError, RecipeError: as `join_run`.
    """
    join_run(recipe)
    precision = recipe.training.precision
    trackers = recipe.training.trackers
    # Accelerate keeps the first precision of a process for ever; a second run in it may want another.
    AcceleratorState._reset_state()
    folder = RunFolder(Path(recipe.output))
    return Accelerator(
        mixed_precision=precision if precision in ("bf16", "fp16") else "no",
        cpu=not torch.cuda.is_available(),
        log_with=list(trackers) or None,
        project_config=ProjectConfiguration(logging_dir=str(folder.trackers)),
    )


def _join_processes() -> PartialState:
    processes = PartialState(cpu=not torch.cuda.is_available())
    # After a failure the launcher ends the others, which a group that is being left would wait for.
    atexit.unregister(_leave_group)
    if processes.num_processes != count_processes(os.environ):
        raise TrainingError(
            f"Accelerate runs {processes.num_processes} processes where the launcher set WORLD_SIZE to "
            f"{os.environ['WORLD_SIZE']}. Begin the run in a fresh process of its own."
        )
    return processes


@contextmanager
def open_processes() -> Iterator[PartialState]:
    """The processes of a command that trains nothing, while the block runs; each on its own GPU where there are any.

    Raises:
        TrainingError: as `check_launch`; or Accelerate counts other processes than the launcher.
    """
    check_launch(os.environ, read_launcher_command(), None)
    processes = _join_processes()
    yield processes
    if processes.num_processes > 1:
        distributed.barrier()
    _leave_group_at_exit(processes)


def _leave_group_at_exit(processes: Processes) -> None:
    """Not now: a script may go on with another run or file, and a group cannot be made twice."""
    if processes.num_processes > 1:
        atexit.register(_leave_group)


def _leave_group() -> None:
    _open_gloo_group.cache_clear()
    PartialState().destroy_process_group()


def summarize_machine(accelerator: Accelerator) -> dict[str, str | int]:
    """What environment.json says of the machine beyond what Python knows: device, processes, threads of each."""
    device = torch.cuda.get_device_name(accelerator.device) if accelerator.device.type == "cuda" else "CPU"
    return {"device": device, "processes": accelerator.num_processes, "threads": torch.get_num_threads()}


@dataclass
class _Outcome:
    """What became of an action on one process, for the others. is_first: whether the process was to run it at all."""

    is_first: bool
    machine: str = field(default_factory=socket.gethostname)
    result: Any = None
    failure: str | None = None


def run_on_main(processes: Processes, action: Callable[[], T]) -> T:
    """The result of an action that the main process runs alone, on every process: what each would find may differ.

    Where it fails, every process stops instead of waiting for ever.

    Raises:
        TrainingError: it failed on the main process.
    """
    outcome = _Outcome(is_first=processes.is_main_process)
    try:
        if processes.is_main_process:
            outcome.result = action()
    except BaseException as error:
        outcome.failure = str(error)
        raise
    finally:
        # After a failure too: the others wait here for what became of it.
        _wait_for_all(processes)
        shared = [outcome]
        broadcast_object_list(shared)
    (outcome,) = shared
    if outcome.failure is not None:
        raise TrainingError(f"The main process stopped: {outcome.failure}")
    return outcome.result


def run_once_a_machine(accelerator: Accelerator, action: Callable[[], T]) -> T:
    """The result of an action that the first process of each machine runs while the others wait, however long.

    Where it fails on one machine, every process stops instead of waiting for ever.

    Raises:
        TrainingError: it failed elsewhere.
    """
    own = _Outcome(is_first=accelerator.is_local_main_process)
    try:
        if own.is_first:
            own.result = action()
    except BaseException as error:
        own.failure = str(error) or type(error).__name__
        raise
    finally:
        outcomes = gather_patiently(accelerator, own)
    for process, outcome in enumerate(outcomes):
        if outcome.failure is not None:
            raise TrainingError(f"Process {process} stopped: {outcome.failure}")
    return next(outcome.result for outcome in outcomes if outcome.is_first and outcome.machine == own.machine)


def gather_patiently(processes: Processes, value: T) -> list[T]:
    """What every process gives, in their order, once all have come, however long the others have to wait."""
    values = [value] * processes.num_processes
    if processes.num_processes > 1:
        distributed.all_gather_object(values, value, group=_wait_for_all(processes))
    return values


def _wait_for_all(processes: Processes) -> distributed.ProcessGroup | None:
    """Returns when all processes have come here, however long that takes; the group that they waited in, if several."""
    if processes.num_processes == 1:
        return None
    # A barrier takes a timeout of its own; one for the whole group would also be that of its connections.
    group = _open_gloo_group(distributed.group.WORLD)
    distributed.monitored_barrier(group, timeout=PATIENCE)
    return group


@lru_cache(maxsize=1)
def _open_gloo_group(world: distributed.ProcessGroup) -> distributed.ProcessGroup:
    """A group of all processes that can wait on their processors, where that of the run speaks between GPUs alone."""
    return world if distributed.get_backend(world) == "gloo" else distributed.new_group(backend="gloo")


def leave_processes(accelerator: Accelerator) -> None:
    """Ends a run's trackers and Accelerate's hold on the prepared model, and leaves the group when Python ends.

    torch destroys a group without Python's lock, except where the last to hold it is a wrapper of the model: then
    the group waits for its threads, and a thread that still has to free a tensor waits for the lock, for ever.
    """
    accelerator.free_memory()
    for tracker in accelerator.trackers:
        tracker.finish()
    _leave_group_at_exit(accelerator)


@dataclass(frozen=True)
class ShareOfProcess(Share):
    """Every n-th batch for each of n processes, and the results of all for each; the batches are those of one."""

    processes: Processes

    def choose(self, batches: Sequence[Batch]) -> Sequence[Batch]:
        return batches[self.processes.process_index :: self.processes.num_processes]

    def agree(self, most: int) -> int:
        return min(gather_patiently(self.processes, most))

    def fail(self, reason: str) -> None:
        own = _Outcome(is_first=True, failure=reason)
        gather_patiently(self.processes, own)

    def join(self, results: Sequence[Sequence[Result]], batches: Sequence[Batch]) -> Sequence[Sequence[Result]]:
        joined: list[Sequence[Result]] = [[]] * len(batches)
        own = _Outcome(is_first=True, result=results)
        for process, outcome in enumerate(gather_patiently(self.processes, own)):
            if outcome.failure is not None:
                raise TrainingError(f"Process {process} stopped: {outcome.failure}")
            joined[process :: self.processes.num_processes] = outcome.result
        return joined


def share_work(generator: Generator, processes: Processes) -> Generator:
    """The same generator, whose batches all processes share."""
    if processes.num_processes == 1:
        return generator
    return replace(generator, engine=generator.engine.with_share(ShareOfProcess(processes)))


def generate_in_processes(
    processes: Processes,
    generator: Generator,
    sources: Sequence[Any],
) -> Generated:
    """Outputs for all sources in order, on every process, written by all of them."""
    with show_progress("generating", len(sources), visible=processes.is_main_process) as bar:
        return share_work(generator, processes).generate(sources, bar.advance)

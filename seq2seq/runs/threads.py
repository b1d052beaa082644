"""With how many threads a run computes: chosen once and recorded, since another number rounds differently."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from ..base.console import errors
from ..base.cores import AT_IMPORT, CoreTimes, fit_threads
from ..base.errors import DataError
from ..base.files import load_json
from ..processes.group import Processes
from ..run_folder.folder import RunFolder
from ..run_folder.steps import list_saved
from ..training.contention import EVENT, SAID_BY, may_choose_threads

LONGEST_LOOK = 60.0  # seconds; what a notebook's machine did an hour ago says nothing
SHORTEST_LOOK = 1.0


@contextmanager
def computing_with_threads(
    asked: int | None,
    folder: RunFolder,
    processes: Processes,
    *,
    resuming: bool,
) -> Iterator[None]:
    """Lets torch compute with the run's number of threads while the block runs.

    Args:
        asked: `training.threads`.
        resuming: whether the run goes on from a checkpoint: with the threads that it had there, on as many processes.
    """
    before = torch.get_num_threads()
    begun_with = _find_recorded(folder, processes.num_processes) if resuming else None
    threads = asked or begun_with or _fit_free_cores(before, processes)
    if asked is None and threads != before and processes.is_main_process:
        errors().print(_explain(threads, before, resuming=begun_with is not None))
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _explain(threads: int, before: int, *, resuming: bool) -> str:
    name = "1 thread" if threads == 1 else f"{threads} threads"
    if not resuming:
        return (
            f"Others use this machine: the run computes with {name}, for as many of {before} cores are free. "
            "training.threads sets another number."
        )
    default = f"{SAID_BY} says {before}" if SAID_BY in os.environ else f"the machine has {before}"
    return (
        f"The run had {name} and goes on with as many, where {default}: another number would round differently. "
        "training.threads sets another all the same."
    )


def _fit_free_cores(default: int, processes: Processes) -> int:
    """A thread for each free core; the default where users or a launcher said it, or where a GPU computes."""
    free = _count_free_cores() if default > 1 and may_choose_threads(processes) else None
    return default if free is None else fit_threads(free, default)


def _count_free_cores() -> float | None:
    """Since the package was loaded, else since a moment ago; None where the machine does not tell."""
    now = CoreTimes.read()
    if now is None:
        return None
    since = AT_IMPORT
    if since is None or not SHORTEST_LOOK <= now.clock - since.clock <= LONGEST_LOOK:
        since = now
        time.sleep(SHORTEST_LOOK)
        now = CoreTimes.read()
    return None if now is None else now.count_free_cores(since)


def _find_recorded(folder: RunFolder, processes: int) -> int | None:
    """The threads of the run as it was last saved; None where environment.json tells of none, or of other processes."""
    try:
        environment = load_json(folder.environment)
        events = list(folder.read_progress())
    except DataError:  # they are for people: a run goes on without them
        return None
    if not isinstance(environment, Mapping) or environment.get("processes") != processes:
        return None
    last, _ = list_saved(folder.path)[-1]
    changed = [event.get("threads") for event in events if event["event"] == EVENT and event["step"] <= last]
    return _as_count((changed or [environment.get("threads")])[-1])


def _as_count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if is_count else None

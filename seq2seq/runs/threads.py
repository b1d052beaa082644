"""With how many threads a run computes: chosen once and recorded, since another number rounds differently."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator

from ..base.console import errors
from ..base.errors import DataError
from ..base.files import load_json
from ..run_folder.folder import RunFolder


@contextmanager
def computing_with_threads(
    asked: int | None,
    folder: RunFolder,
    accelerator: Accelerator,
    *,
    resuming: bool,
) -> Iterator[None]:
    """Lets torch compute with the run's number of threads while the block runs.

    Args:
        asked: `training.threads`.
        resuming: whether the run goes on from a checkpoint: with the threads that it began with, on as many processes.
    """
    before = torch.get_num_threads()
    begun_with = _find_recorded(folder, accelerator.num_processes) if resuming else None
    threads = asked or begun_with or before
    if asked is None and threads != before and accelerator.is_main_process:
        errors().print(
            f"The run began with {threads} threads and goes on with them, where {_name_default(before)}: another "
            "number would round differently. training.threads sets another all the same."
        )
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _name_default(threads: int) -> str:
    return f"OMP_NUM_THREADS says {threads}" if "OMP_NUM_THREADS" in os.environ else f"the machine has {threads}"


def _find_recorded(folder: RunFolder, processes: int) -> int | None:
    """The threads that environment.json tells of; None where it tells of none, or of other processes."""
    try:
        environment = load_json(folder.environment)
    except DataError:  # it is for people: a run goes on without it
        return None
    if not isinstance(environment, Mapping) or environment.get("processes") != processes:
        return None
    return _as_count(environment.get("threads"))


def _as_count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if is_count else None

"""A run and the disk it writes to: its folder held against a second run, and what the system refuses, explained."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.console import errors
from ..base.errors import TrainingError
from ..processes.group import Processes, run_on_main
from ..run_folder.folder import RunFolder
from ..run_folder.lock import RunLock


@contextmanager
def hold_folder(folder: RunFolder, processes: Processes) -> Iterator[None]:
    """Keeps other runs out of a folder while the block runs, and explains what the system refuses to write there.

    The main process holds the lock for all processes of its launch.

    Raises:
        TrainingError: another run holds the folder, or it cannot be written to, for instance because the disk is full.
    """
    lock = RunLock(folder.path)
    try:
        run_on_main(processes, lambda: _acquire(lock))
        yield
    except OSError as error:
        # What the system refuses elsewhere, such as a compiler that is not there, is no matter of the folder's.
        if error.filename is None or not _are_in_line(Path(error.filename).resolve(), folder.path.resolve()):
            raise
        raise TrainingError(_explain(error)) from error
    finally:
        lock.release()


def _acquire(lock: RunLock) -> None:
    refusal = lock.acquire()
    if refusal is not None:
        errors().print(
            f"{lock.path}: this file system locks no files ({refusal}). Nothing keeps a second run out of the folder: "
            "see to it that none is started there."
        )


def _are_in_line(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, or the folder in it."""
    return path.is_relative_to(folder) or folder.is_relative_to(path)


def _explain(error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "Free some space" if full else "Put that right"
    return (
        f"{error.filename} cannot be written: {error.strerror}. Checkpoints written before are as they were. {advice} "
        "and go on with --resume."
    )

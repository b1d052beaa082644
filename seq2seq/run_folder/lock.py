"""The lock of a run folder: one run at a time writes to it.

The kernel holds the lock for the process and lets it go when the process ends, however it ends, so run.lock left by a
killed run locks nobody out. Its content only tells who holds it.
"""

import errno
import json
import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..base.errors import TrainingError
from ..base.files import name_refused

LOCK_FILE = "run.lock"
HOLDER_BYTES = 4096  # far more than a holder's name takes
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)  # what file systems that have none answer


@dataclass
class RunLock:
    """The lock of one run folder, taken once for the whole run by the main process."""

    folder: Path
    _file: int | None = field(default=None, init=False)
    _made: list[Path] = field(default_factory=list, init=False)

    @property
    def path(self) -> Path:
        return self.folder / LOCK_FILE

    def acquire(self) -> str | None:
        """Takes the lock, making the folder where there is none; returns why it could not be taken safely, if so.

        Raises:
            TrainingError: another run holds it.
            OSError: the folder cannot be written to.
        """
        self._made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        while self._file is None:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                refusal = self._lock(file)
            except BaseException:
                os.close(file)
                raise
            if self._is_named(file):
                self._file = file
            else:
                # The run before removed it between its opening and its locking here: once more, with a new one.
                os.close(file)
        self._write_holder(self._file)
        return refusal

    def release(self) -> None:
        """Gives the lock back and removes its file, and the folders made for it where nothing else came into them."""
        if self._file is None:
            return
        # Removed while it is locked: later it may be another run's already.
        self.path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None
        for folder in self._made:
            if not folder.exists() or any(folder.iterdir()):
                break
            folder.rmdir()

    def _lock(self, file: int) -> str | None:
        try:
            import fcntl
        except ImportError:
            return "this system has no flock"
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(
                f"{self.folder} is in use: {_format_holder(file)} is writing to it. Wait until that run has ended, "
                "or stop it, or choose another output."
            ) from None
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
            return error.strerror
        return None

    def _is_named(self, file: int) -> bool:
        """Whether the file that is locked is still the one in the folder: the run before may have removed it."""
        if not self.path.exists():
            return False
        return os.path.samestat(os.fstat(file), self.path.stat())

    def _write_holder(self, file: int) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": since,
        }
        with name_refused(self.path):
            os.ftruncate(file, 0)
            os.pwrite(file, json.dumps(holder).encode(), 0)


def _format_holder(file: int) -> str:
    try:
        holder = json.loads(os.pread(file, HOLDER_BYTES, 0))
        return f"process {holder['process']} on {holder['host']} (since {holder['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"  # which has not yet written its name

"""How many of the machine's cores are free for this process. Imports no torch, whose threads are chosen by it."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

STATISTICS = Path("/proc/stat")  # of Linux; elsewhere nothing is known
SLACK = 0.25  # of a core: what others take of it now and then does not count


@dataclass(frozen=True)
class CoreTimes:
    """Seconds since the machine started, at one moment.

    clock: of the clock. idle: of all cores that this process may use, added up. own: that this process computed.
    """

    clock: float
    idle: float
    own: float

    @classmethod
    def read(cls) -> Self | None:
        """As it is now; None where the machine does not tell."""
        lines = _read_statistics()
        if not lines:
            return None
        usable = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        ticks = 0
        for line in lines:
            name, *times = line.split()
            if name in usable:
                ticks += int(times[3]) + int(times[4])  # idle, and waiting for a disk
        return cls(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), time.process_time())

    def count_free_cores(self, since: Self) -> float:
        """The cores that stood idle, or computed for this process, on average since an earlier moment."""
        elapsed = max(self.clock - since.clock, 1e-9)
        return (self.idle - since.idle + self.own - since.own) / elapsed


def fit_threads(free_cores: float, most: int) -> int:
    """As many threads as cores are free, so that none of them waits for one that has no core."""
    return min(max(int(free_cores + SLACK), 1), most)


def count_running() -> int | None:
    """The threads of all processes, this one's among them, that compute at this moment; None where nothing tells."""
    lines = _read_statistics()
    return next((int(line.split()[1]) for line in lines if line.startswith("procs_running ")), None)


def _read_statistics() -> list[str]:
    """The machine's own figures; nothing where it does not tell."""
    try:
        return STATISTICS.read_text().splitlines()
    except OSError:
        return []


AT_IMPORT = CoreTimes.read()  # a command loads its libraries for some seconds after it

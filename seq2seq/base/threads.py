"""How the threads of torch wait for each other. Imports no torch, which reads it once, as it is loaded."""

import os
import time

from .cores import count_running

# Variables by which users say themselves how threads wait: of OpenMP, of GNU's, which torch brings, and of Intel's.
CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
LOOKS = 5  # at most
SECONDS_BETWEEN = 0.004
TAKEN_SHARE = 1 / 8  # of the cores; where others have more of them, few machines leave each thread its own


def wait_passively_if_busy() -> None:
    """Lets threads that wait sleep on a machine that others use too, where users have not said otherwise.

    Threads that spin hold the core that the one they wait for would need: training fell to a tenth and less of one
    thread's speed. Where each has a core of its own, spinning is nearly twice as fast as sleeping (docs/log.md).
    """
    if not any(name in os.environ for name in CHOICES) and is_busy():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def is_busy() -> bool:
    """Whether other processes compute on this machine, by most of a few looks; taken for true where it does not tell.

    What most of them say is often known before the last.
    """
    most = (os.cpu_count() or 1) * TAKEN_SHARE
    busy = 0
    quiet = 0
    while max(busy, quiet) <= LOOKS // 2:
        if busy or quiet:
            time.sleep(SECONDS_BETWEEN)
        running = count_running()
        if running is None:
            return True
        if running - 1 > most:
            busy += 1
        else:
            quiet += 1
    return busy > quiet

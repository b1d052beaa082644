"""How the threads of torch wait for each other. Imports no torch, which reads it once, as it is loaded."""

import os

# Variables by which users say themselves how threads wait: of OpenMP, of GNU's, which torch brings, and of Intel's.
CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def wait_passively() -> None:
    """Lets threads that wait sleep, where users have not said otherwise.

    Unsaid, they spin. On a machine that others use too, each then holds the core that the one it waits for would need:
    training fell to a tenth and less of one thread's speed (docs/log.md).
    """
    if not any(name in os.environ for name in CHOICES):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

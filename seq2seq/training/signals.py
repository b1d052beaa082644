"""The signals by which a machine's owner asks a run to stop: noted when they come, read between steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# SIGTERM comes before a machine is taken away; SIGUSR1 is what batch systems are told to send some minutes earlier.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


def find_stop_signal(reason: str) -> signal.Signals | None:
    """The signal that the reason of a run's end names, or None where it is another reason."""
    for number in STOP_SIGNALS:
        if number.name == reason:
            return number
    return None


class StopRequest:
    """The signal that came, if one did."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def note(self, number: int, frame: object) -> None:
        """A signal handler."""
        self.signal = signal.Signals(number)


@contextmanager
def notice_stop_signals() -> Iterator[StopRequest]:
    """While the block runs, stop signals are noted instead of ending the process.

    Python hears signals in its main thread alone: elsewhere nothing is noted, and signals do what they did.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.note) for number in STOP_SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            if handler is None:  # one that is not Python's
                handler = signal.SIG_DFL
            signal.signal(number, handler)

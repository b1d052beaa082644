"""The signals by which a run is asked to stop: noted when they come, read at every step."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..base.console import speaks_for_machine

# SIGINT is Ctrl-C. SIGTERM comes before a machine is taken away; SIGUSR1 is what batch systems are told to send some
# minutes earlier.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
STANDARD_ERROR = 2  # the number of its file
INTERRUPT_HINT = "\nCtrl-C: the run stops behind this step, with a checkpoint. A second one ends it at once, without.\n"


def find_stop_signal(reason: str) -> signal.Signals | None:
    """The signal that the reason of a run's end names, or None where it is another reason."""
    for number in STOP_SIGNALS:
        if number.name == reason:
            return number
    return None


class StopRequest:
    """The signal that came first, if one did."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def note(self, number: int, frame: object) -> None:
        """A signal handler.

        Raises:
            KeyboardInterrupt: Ctrl-C came a second time.
        """
        if number == signal.SIGINT:
            if self.signal is signal.SIGINT:
                raise KeyboardInterrupt
            _tell_of_ctrl_c()
        if self.signal is None:  # a launcher that hears Ctrl-C too sends SIGTERM behind it
            self.signal = signal.Signals(number)


def _tell_of_ctrl_c() -> None:
    if speaks_for_machine():
        # Not by print: the signal may have come within one, which cannot be entered twice.
        with suppress(OSError):  # standard error may be closed
            os.write(STANDARD_ERROR, INTERRUPT_HINT.encode())


@contextmanager
def notice_stop_signals(request: StopRequest) -> Iterator[None]:
    """While the block runs, stop signals are noted in the request instead of ending the process.

    Python hears signals in its main thread alone: elsewhere nothing is noted, and signals do what they did.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, request.note) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is None:  # one that is not Python's
                handler = signal.SIG_DFL
            signal.signal(number, handler)

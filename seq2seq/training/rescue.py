"""When a rescue point is due: a checkpoint by the clock, for runs whose steps take long."""

import time


class RescueClock:
    """Tells whether a run has gone a number of minutes without saving; None is never."""

    def __init__(self, minutes: float | None) -> None:
        self._minutes = minutes
        self._saved = time.monotonic()

    def is_due(self) -> bool:
        return self._minutes is not None and time.monotonic() - self._saved >= 60 * self._minutes

    def restart(self) -> None:
        """To be called whenever the run was saved."""
        self._saved = time.monotonic()

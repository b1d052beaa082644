"""How fast a run learns, window by window, and whether it has fallen far behind its first steps."""

FIRST_WINDOWS = 3  # the first one alone is slow: memory is being fetched, and layers are compiled
FALLEN = 10  # times slower than the first windows is no matter of longer texts


class Speedometer:
    """Takes the totals of a run at the end of each window of steps."""

    def __init__(self, tokens: int, seconds: float) -> None:
        self._tokens = tokens
        self._seconds = seconds
        self._windows = 0
        self._first_rate = 0.0
        self._is_told = False

    def measure(self, tokens: int, seconds: float) -> float:
        """Tokens a second since the last call, given all tokens and seconds so far."""
        rate = (tokens - self._tokens) / max(seconds - self._seconds, 1e-9)
        self._tokens = tokens
        self._seconds = seconds
        self._windows += 1
        if self._windows <= FIRST_WINDOWS:
            self._first_rate = max(self._first_rate, rate)
        return rate

    def find_warning(self, rate: float) -> str | None:
        """What to tell, once, where the rate of a window has fallen far."""
        if self._is_told or rate * FALLEN >= self._first_rate:
            return None
        self._is_told = True
        return (
            f"The run has become {self._first_rate / max(rate, 1e-9):,.0f} times slower than its first steps "
            f"({self._first_rate:,.0f} tokens/s, now {rate:,.0f}). Does something else use the machine? On a busy one, "
            "fewer threads are faster: --resume with training.threads=1."
        )

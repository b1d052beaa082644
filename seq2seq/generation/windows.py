"""Sources of a stream put together for generation: sorted by length, and held in memory, a window at a time."""

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypeVar

Value = TypeVar("Value")
WINDOW_TEXTS = 1024  # sorted by length together, and written together: more pad less, fewer appear sooner
WINDOW_CHARACTERS = 2**22  # of a window, by which its memory is bounded whatever the texts


def break_windows(
    texts: Iterable[Value],
    window_texts: int,
    measure: Callable[[Any], int] = len,
) -> Iterator[list[Value]]:
    """Texts or other sources in lists that are generated for at once: of `window_texts`, or fewer where these are long.

    ["a", "b", "c"] in windows of 2 -> ["a", "b"], ["c"]
    """
    window: list[Value] = []
    characters = 0
    for text in texts:
        window.append(text)
        characters += measure(text)
        if len(window) >= window_texts or characters >= WINDOW_CHARACTERS:
            yield window
            window = []
            characters = 0
    if window:
        yield window


def measure_value(value: Any) -> int:
    """What a source counts in a window: the characters of a text, the entries of a list, else 1."""
    return len(value) if isinstance(value, Sized) else 1

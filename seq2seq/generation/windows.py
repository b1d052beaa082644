"""Texts of a stream put together for generation: sorted by length, and held in memory, a window at a time."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Text = TypeVar("Text")
WINDOW_TEXTS = 1024  # sorted by length together, and written together: more pad less, fewer appear sooner
WINDOW_CHARACTERS = 2**22  # of a window, by which its memory is bounded whatever the texts


def break_windows(
    texts: Iterable[Text],
    window_texts: int,
    measure: Callable[[Text], int] = len,
) -> Iterator[list[Text]]:
    """Texts in lists that are generated for at once: of `window_texts`, or fewer where these are long.

    ["a", "b", "c"] in windows of 2 -> ["a", "b"], ["c"]
    """
    window: list[Text] = []
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

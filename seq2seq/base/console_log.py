"""What a console told, as a text file: kept until the file is named, appended from then on. Knows no run."""

import io
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

# Texts are printed as they are: rich would take [b] for markup and :x: for a picture.
PLAIN = {"highlight": False, "markup": False, "emoji": False}
WIDTH = 100  # characters, of tables


class ConsoleLog:
    """Texts and tables, without bars and colours."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.kept: list[str] = []

    def print(self, *objects: Any) -> None:
        stream = io.StringIO()
        console = Console(file=stream, width=WIDTH, **PLAIN)
        console.print(*objects, soft_wrap=all(isinstance(item, str) for item in objects))
        lines = [line.rstrip() for line in stream.getvalue().split("\n")]
        self._write("\n".join(lines))

    def open(self, path: Path, heading: str) -> None:
        """Appends what was kept below the time and a heading; a second file is none: what is open stays open."""
        if self.path is not None:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.path = path
        self._write("".join([f"{now} {heading}\n", *self.kept]))
        self.kept = []

    def _write(self, text: str) -> None:
        if self.path is None:
            self.kept.append(text)
            return
        # What is told is worth no run: a full disk ends it where the run's own files are written.
        with suppress(OSError), self.path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)

"""A pytest of its own in a child process, which has the simulated device and tells what becomes of each test.

Knows nothing of what is tested.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from tests.simulated.cuda.device import CUDA_LIBRARY

ROOT = Path(__file__).parents[3]
PIPE = "SEQ2SEQ_TESTS_CUDA_PIPE"  # in a child, the number of the pipe that it tells outcomes by
WORDS = 4000  # characters of a child's last words that are shown


def is_child() -> bool:
    return PIPE in os.environ


@dataclass(frozen=True)
class Outcome:
    """What became of a test: passed, failed or skipped, and why."""

    test: str
    word: str
    reason: str

    def tell(self) -> None:
        """Writes it to the pipe of this process, a child."""
        line = json.dumps(asdict(self)) + "\n"
        with open(int(os.environ[PIPE]), "w", encoding="utf-8", closefd=False) as pipe:
            pipe.write(line)


class Child:
    """Runs tests, named by their ids, in their order, beside the process that asks what became of them."""

    def __init__(self, library: Path, tests: Sequence[str]) -> None:
        reading, writing = os.pipe()
        # Closed by `end`.
        self._words: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._pipe = os.fdopen(reading, encoding="utf-8")
        self._outcomes: dict[str, Outcome] = {}
        # Not of what pytest and its plugins tell their own processes.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "pytest", "-p", "tests.simulated.cuda.device", "-p", "no:cacheprovider",
                "-p", "no:xdist", "-m", "", "--tb=short", *tests,
            ],
            cwd=ROOT,
            env=kept | {CUDA_LIBRARY: str(library), PIPE: str(writing)},
            pass_fds=[writing],
            stdout=self._words,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        os.close(writing)

    def find_outcome(self, test: str) -> Outcome | None:
        """What became of a test, for which it waits; None where the child ended without a word of it."""
        while test not in self._outcomes:
            line = self._pipe.readline()
            if not line:
                return None
            outcome = Outcome(**json.loads(line))
            self._outcomes[outcome.test] = outcome
        return self._outcomes[test]

    def read_last_words(self) -> str:
        """What a child that has ended printed last."""
        code = self._process.wait()
        self._words.seek(0)
        return f"{self._words.read()[-WORDS:]}\n(the child ended with {code})"

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipe.close()
        self._words.close()

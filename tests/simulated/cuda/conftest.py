"""The tests of this folder run in a child process for each file, which has the device; here they tell what came of it.

The child is a pytest of its own, of the same tests. Where there is no compiler they are skipped.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.simulated.cuda.device import COMPILER, CUDA_LIBRARY, build_library, has_compiler

OUTCOMES = "SEQ2SEQ_TESTS_CUDA_OUTCOMES"  # the file in which a child writes down what became of its tests
IS_CHILD = OUTCOMES in os.environ
ROOT = Path(__file__).parents[3]
SECONDS = 240  # for the tests of a file, of which the first waits for all


@dataclass(frozen=True)
class Outcome:
    """What became of a test in the child: passed, failed or skipped, and why."""

    word: str
    reason: str


@dataclass(frozen=True)
class Ended:
    """A child that ended: the outcomes by test, and what it said last."""

    outcomes: dict[str, Outcome]
    words: str


def pytest_itemcollected(item: pytest.Item) -> None:
    if not IS_CHILD:
        item.fixturenames.clear()  # they are for the child


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if IS_CHILD:
        return None
    if not has_compiler():
        pytest.skip(f"{COMPILER} is not here, which builds the simulated CUDA device")
    ended = run_child(pyfuncitem.config, pyfuncitem.path, *list_chosen(pyfuncitem))
    outcome = ended.outcomes.get(pyfuncitem.nodeid)
    if outcome is None:
        pytest.fail(f"the child with the simulated device did not come to this test:\n{ended.words}", pytrace=False)
    if outcome.word == "skipped":
        pytest.skip(outcome.reason)
    if outcome.word == "failed":
        pytest.fail(outcome.reason, pytrace=False)
    return True


def list_chosen(item: pytest.Function) -> list[str]:
    """The tests of an item's file that this session runs."""
    return [other.nodeid for other in item.session.items if other.path == item.path]


@cache
def run_child(config: pytest.Config, path: Path, *tests: str) -> Ended:
    library = build_library(config.cache.mkdir("simulated_cuda"))
    written = Path(config.cache.mkdir("simulated_cuda")) / f"outcomes_{path.stem}_{os.getpid()}.jsonl"
    written.unlink(missing_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.simulated.cuda.device", "-p", "no:cacheprovider"]
    command += ["-p", "no:xdist", "-m", "", "--tb=short", "-q", *tests]
    environment = kept | {CUDA_LIBRARY: str(library), OUTCOMES: str(written)}
    try:
        child = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace", timeout=SECONDS
        )
        words = f"{child.stdout[-3000:]}\n{child.stderr[-3000:]}\n(it ended with {child.returncode})"
    except subprocess.TimeoutExpired:
        words = f"(it was ended after {SECONDS} s)"
    outcomes = read_outcomes(written)
    written.unlink(missing_ok=True)
    return Ended(outcomes, words)


def read_outcomes(path: Path) -> dict[str, Outcome]:
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["test"]: Outcome(row["word"], row["reason"]) for row in rows}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes, in the child, how each test ended; a failure before or behind the test itself is one too."""
    if not IS_CHILD or (report.passed and report.when != "call"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    row = {"test": report.nodeid, "word": report.outcome, "reason": reason}
    with Path(os.environ[OUTCOMES]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")

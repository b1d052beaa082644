"""The first part of gpu.py: the tests that need a GPU, and then those of the simulated one with the real one hidden."""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from collections.abc import Callable
from pathlib import Path

from seq2seq.base.console import errors

Record = Callable[[dict], None]
ROOT = Path(__file__).parents[3]
MARK = "pytest.mark.cuda"
WORKERS = 8  # at most


def run_tests(options: argparse.Namespace, record: Record) -> None:
    """The part `tests`.

    Raises:
        SystemExit: a test failed.
    """
    files = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if MARK in path.read_text()]
    chosen = {
        "need a GPU": ([str(path.relative_to(ROOT)) for path in files] + ["-m", "cuda"], {}),
        # Its runs are compared with the processor's.
        "simulated GPU": (["tests/simulated"], {"CUDA_VISIBLE_DEVICES": ""}),
    }
    failed = False
    for name, (arguments, changes) in chosen.items():
        if options.size == "tiny" and name == "simulated GPU":
            arguments = [*arguments, "-k", "test_search and padded"]
        errors().print(f"tests: {name}")
        counts = run_pytest(arguments, changes)
        record({"case": name, **counts})
        failed = failed or not counts.get("tests") or bool(counts["failed"])
    if failed:
        raise SystemExit("tests failed")


def run_pytest(arguments: list[str], changes: dict[str, str]) -> dict:
    """How many tests there were, and failed, or were skipped."""
    workers = min(os.cpu_count() or 1, WORKERS)
    if workers > 2 and importlib.util.find_spec("xdist"):
        arguments = [*arguments, "-n", str(workers)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments]
        finished = subprocess.run(command, cwd=ROOT, env=os.environ | changes)
        if not report.exists():
            return {"error": f"pytest ended with status {finished.returncode}"}
        suite = xml.parse(report).getroot().find("testsuite")
    counted = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    return {
        "tests": counted["tests"],
        "failed": counted["failures"] + counted["errors"],
        "skipped": counted["skipped"],
    }

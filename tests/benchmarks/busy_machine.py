"""How fast the first steps of the quickstart are with one thread, two, and the default: on a quiet machine, a busy one.

    python tests/benchmarks/busy_machine.py                  three rounds of each, taking turns
    python tests/benchmarks/busy_machine.py --busy 2 --rounds 1

Busy is a machine on which other processes compute without a pause. Shown are the seconds of the steps alone, without
loading; the medians, and the share of the best median. `two, spinning` is what torch does unasked: threads that wait
hold their core meanwhile (300,000 turns of a loop, the default of GNU's OpenMP).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seq2seq.base.console import build_table, output
from seq2seq.base.files import load_json_lines
from seq2seq.base.threads import CHOICES

ROOT = Path(__file__).parents[2]
STEPS = 60
TIMEOUT_SECONDS = 600
SPIN = "while True: pass"
SIDES = {
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two, spinning": {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "300000"},
    "two, passive": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
    "default": {},
}


@contextmanager
def occupy(processes: int) -> Iterator[None]:
    """Other processes compute while the block runs."""
    others = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(variables: dict[str, str]) -> float:
    """Seconds of the first steps of the quickstart, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in (*CHOICES, "OMP_NUM_THREADS")}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        overrides = [
            f"output={run}", f"training.max_steps={STEPS}", f"training.validate_every_steps={STEPS}", "data.test=[]",
        ]  # fmt: skip
        command = [sys.executable, "-m", "seq2seq", "train", "recipes/quickstart.yaml", *overrides]
        subprocess.run(
            command,
            cwd=ROOT,
            env=environment | variables,
            check=True,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
        )
        steps = [event for event in load_json_lines(run / "progress.jsonl") if event["event"] == "train"]
    return steps[-1]["seconds"]


def compare(busy: int, rounds: int) -> None:
    """Prints the table of one state of the machine."""
    seconds: dict[str, list[float]] = {name: [] for name in SIDES}
    with occupy(busy):
        for _ in range(rounds):
            for name, variables in SIDES.items():
                seconds[name].append(measure(variables))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    best = min(medians.values())
    rows = []
    for name, values in seconds.items():
        each = " ".join(f"{value:.1f}" for value in values)
        rows.append([name, f"{medians[name]:.1f}", f"{best / medians[name]:.2f}", each])
    title = f"{STEPS} steps of the quickstart, {os.cpu_count()} cores, {busy} busy processes beside them"
    output().print(build_table(title, ["threads", "seconds", "share of the best", "each round"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="*", default=[0, 2], help="busy processes beside the run")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for busy in arguments.busy:
        compare(busy, arguments.rounds)


if __name__ == "__main__":
    main()

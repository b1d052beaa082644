"""What tests of runs need: data, the events of a run, and a launch on several processes."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from seq2seq.reports.run_folder import RunFolder

WORDS = "cat dog bird fish sat ran flew swam mat road tree sea".split()


def write_pairs(path: Path, count: int, start: int = 0) -> str:
    """Sources of 2 to 7 words; targets are the same words backwards."""
    rows = []
    for number in range(start, start + count):
        words = [WORDS[(number * 5 + place * (1 + number % 7)) % 12] for place in range(2 + number % 6)]
        rows.append({"source": " ".join(words), "target": " ".join(reversed(words))})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def read_events(folder: Path, event: str) -> list[dict]:
    return [row for row in RunFolder(folder).read_progress() if row["event"] == event]


def hash_weights(folder: Path, step: int) -> str:
    return hashlib.sha256((folder / f"checkpoints/step_{step:08d}/model.safetensors").read_bytes()).hexdigest()


def launch_on_processes(processes: int, module: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", module, *arguments]
    root, environment = Path(__file__).parents[2], os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root, timeout=240)

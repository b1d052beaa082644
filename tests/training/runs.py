"""What tests of runs need: data, a run's events, the slow average of its weights, and a launch on several processes."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

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


def copy_up_to_step_3(run: Path, copy: Path) -> None:
    """A copy of a run of up to six steps whose later checkpoints are lost."""
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("step_0000000[456]"))


def read_events(folder: Path, event: str) -> list[dict]:
    return [row for row in RunFolder(folder).read_progress() if row["event"] == event]


def hash_weights(folder: Path, step: int) -> str:
    return hashlib.sha256((folder / f"checkpoints/step_{step:08d}/model.safetensors").read_bytes()).hexdigest()


def compute_averages(start: nn.Module, run: Path, step: int, *, decay: float) -> dict[str, torch.Tensor]:
    """The moving averages after a step, in float64: one update after the other over the weights saved with each."""
    weights = load_file(run / "checkpoints/step_00000001/training/weights.safetensors")
    averages = {name: start.get_parameter(name).detach().double() for name in weights}
    for number in range(1, step + 1):
        share = min(decay, (1 + number) / (10 + number))
        weights = load_file(run / f"checkpoints/step_{number:08d}/training/weights.safetensors")
        averages = {name: share * average + (1 - share) * weights[name] for name, average in averages.items()}
    return averages


def launch_on_processes(processes: int, module: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", module, *arguments]
    root, environment = Path(__file__).parents[2], os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root, timeout=240)

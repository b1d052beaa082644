"""A run killed with SIGKILL and resumed against the run left alone: the short form of the benchmark."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def result():
    """What the benchmark printed last, of five kills, one in each stage of a run.

    Seed 3861 draws recipe.yaml half written, validation texts being written, a step after its update, model.safetensors
    half written, and the end before the card.
    """
    command = [sys.executable, "tests/benchmarks/kill_and_resume.py", "--quick", "--kills", "5", "--seed", "3861"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert finished.stdout, finished.stderr[-3000:]
    print(finished.stdout)
    return json.loads(finished.stdout.splitlines()[-1])


def test_every_kill_is_survived(result):
    assert (result["kills"], result["survived"]) == (5, 5)


def test_weights_optimizer_events_and_scores_are_those_of_the_run_left_alone(result):
    assert result["differing"] == []

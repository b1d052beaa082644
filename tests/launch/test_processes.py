"""Real launches: two nodes train as one process, and a process that Accelerate starts alone stops."""

import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

import seq2seq
from tests.training.runs import read_events, write_pairs

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recipe(tiny_bert, tmp_path_factory):
    """A recipe of three steps without dropout, and the folder that its runs go to."""
    folder = tmp_path_factory.mktemp("runs")
    values = {
        "task": "sentence_fusion",
        "output": str(folder / "one"),
        "model": {"plan": "bert2bert", "encoder": str(tiny_bert), "dropout": 0.0},
        "data": {
            "train": write_pairs(folder / "train.jsonl", 24),
            "max_source_tokens": 16,
            "max_target_tokens": 16,
        },
        "training": {
            "batch_examples": 8, "max_steps": 3, "log_every_steps": 1, "learning_rate": 1e-3, "micro_batch_tokens": 40,
            "precision": "fp32",
        },
        "generation": {"num_beams": 1, "max_target_tokens": 10},
    }  # fmt: skip
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def find_free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return str(listener.getsockname()[1])


def begin(*command: str, **environment: str) -> subprocess.Popen:
    environment = os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"} | environment
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )


@pytest.fixture(scope="module")
def two_nodes(recipe):
    """The run folder of two nodes of one process each, side by side on this machine."""
    folder = recipe.with_name("two")
    node = {"NODES": "2", "PROCESSES": "1", "MAIN_NODE": f"localhost:{find_free_port()}"}
    trackers = "tensorboard" if find_spec("tensorboard") else "[]"
    command = ["launch/torchrun/several_nodes.sh", str(recipe), f"output={folder}", f"training.trackers={trackers}"]
    for process in [begin(*command, **node), begin(*command, **node)]:
        _, error = process.communicate(timeout=240)
        assert process.returncode == 0, error[-3000:]
    return folder


def test_two_nodes_of_one_process_train_the_same_as_one_process(two_nodes, recipe):
    one = seq2seq.train(recipe)
    losses = [[row["loss"] for row in read_events(folder, "train")] for folder in (one, two_nodes)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    first, second = (load_file(folder / "checkpoints/step_00000003/model.safetensors") for folder in (one, two_nodes))
    # A key bias adds the same to every score of a softmax: its true gradient is zero, and AdamW blows up its rounding.
    names = [name for name in first if not name.endswith(".key.bias")]
    assert max((first[name] - second[name]).abs().max().item() for name in names) < 1e-5


def test_main_process_alone_tells_the_trackers(two_nodes):
    if not find_spec("tensorboard"):
        pytest.skip("tensorboard is not installed; it comes with the extra [trackers]")
    assert len(list((two_nodes / "trackers/seq2seq").glob("events.*"))) == 1


@pytest.mark.slow
def test_process_that_accelerate_starts_alone_stops_before_it_loads_anything(recipe):
    accelerate = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    process = begin(*accelerate, "-m", "seq2seq", "train", str(recipe), f"output={recipe.with_name('silent')}")
    _, error = process.communicate(timeout=240)
    assert process.returncode == 1
    assert "TrainingError: accelerate launch was asked for several processes" in error
    assert "Parameters of plan" not in error
    assert not recipe.with_name("silent").exists()

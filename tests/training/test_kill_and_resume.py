"""A run killed with SIGKILL and resumed against the run left alone: the short form of the benchmark."""

import json

import pytest

from tests.training.fork_server import run_in_fork


@pytest.fixture(scope="module")
def result():
    """What the benchmark printed last, of five kills, one in each stage of a run.

    Seed 3861 draws recipe.yaml half written, validation texts being written, a step after its update, model.safetensors
    half written, and the end before the card.
    """
    finished = run_in_fork("tests.benchmarks.kill_and_resume", "--quick", "--kills", "5", "--seed", "3861")
    assert finished.stdout, finished.stderr[-3000:]
    print(finished.stdout)
    return json.loads(finished.stdout.splitlines()[-1])


def test_every_kill_is_survived(result):
    assert (result["kills"], result["survived"]) == (5, 5)


def test_weights_optimizer_events_and_scores_are_those_of_the_run_left_alone(result):
    assert result["differing"] == []

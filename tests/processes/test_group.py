"""What one process of a machine does for the others, on two real processes."""

import pytest
from accelerate import Accelerator

from seq2seq.base.errors import DataError
from seq2seq.processes.group import run_once_a_machine
from tests.processes.two_processes import fail
from tests.training.fork_server import launch_in_forks


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """What two processes printed."""
    result = launch_in_forks(2, "tests.processes.two_processes")
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout.splitlines()


def test_result_of_the_first_process_reaches_both(lines):
    assert {"result on 0: of process 0", "result on 1: of process 0"} <= set(lines)


def test_failure_on_the_first_process_stops_both(lines):
    assert {
        "failure on 0: DataError: a.jsonl line 3: broken",
        "failure on 1: TrainingError: Process 0 stopped: a.jsonl line 3: broken",
    } <= set(lines)


def test_same_data_on_both_processes_is_fine(lines):
    assert {"same data on 0: None", "same data on 1: None"} <= set(lines)


def test_other_data_on_one_process_stops_both(lines):
    message = "TrainingError: data.train: process 1 has other data than process 0. Put the same files on all machines."
    assert {f"other data on 0: {message}", f"other data on 1: {message}"} <= set(lines)


def test_results_of_both_processes_are_whole_and_in_order_on_both(lines):
    # With one batch, a process has none to compute.
    spread = {9: "a0b0 c1d1 e0f0 g1h1 i0 9", 4: "a0b0 c1d1 4", 1: "a0 1", 0: "0"}
    expected = {f"results of {count} on {process}: {text}" for count, text in spread.items() for process in (0, 1)}
    assert expected <= set(lines)


def test_single_process_runs_the_action_itself():
    accelerator = Accelerator(cpu=True)
    assert run_once_a_machine(accelerator, lambda: 7) == 7
    with pytest.raises(DataError, match="a.jsonl line 3: broken"):
        run_once_a_machine(accelerator, fail)

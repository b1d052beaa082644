"""Free cores, from the figures of Linux's /proc/stat, and the threads that follow from them."""

import itertools
import os
import statistics
import subprocess
import sys

import pytest

from seq2seq.base import cores
from seq2seq.base import threads as waiting
from seq2seq.base.cores import CoreTimes, count_running, fit_threads

SECOND = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def write_statistics(tmp_path, monkeypatch):
    """Writes /proc/stat as it would be with each core's idle seconds, half of them waiting for a disk."""
    monkeypatch.setattr(cores, "STATISTICS", tmp_path / "stat")

    def write(idle_seconds, running=1):
        lines = ["cpu  1 2 3 4 5 6 7 8 0 0"]
        for number, seconds in enumerate(idle_seconds):
            half = seconds * SECOND // 2
            lines.append(f"cpu{number} 9 9 9 {half} {half} 0 0 0 0 0")
        lines += ["intr 5 0 0", f"procs_running {running}", "procs_blocked 0"]
        cores.STATISTICS.write_text("\n".join(lines) + "\n")

    return write


def test_free_cores_are_idle_ones_and_those_that_computed_for_the_process(write_statistics, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2})
    monkeypatch.setattr(cores.time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(cores.time, "process_time", lambda: 5.0)
    write_statistics([10, 50, 20])
    before = CoreTimes.read()
    assert before == CoreTimes(clock=100.0, idle=30.0, own=5.0)
    monkeypatch.setattr(cores.time, "monotonic", lambda: 110.0)
    monkeypatch.setattr(cores.time, "process_time", lambda: 13.0)
    write_statistics([10, 60, 26])  # the first was never idle, the second is not for this process
    # In ten seconds six of a core that idled, and eight that the process computed.
    assert CoreTimes.read().count_free_cores(before) == pytest.approx(1.4)


def test_machine_that_does_not_tell_has_no_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "STATISTICS", tmp_path / "none")
    assert CoreTimes.read() is None
    assert count_running() is None


def test_running_threads_are_counted(write_statistics):
    write_statistics([1], running=3)
    assert count_running() == 3


@pytest.mark.parametrize(
    ("free", "most", "threads"),
    [(2.0, 2, 2), (1.76, 2, 2), (1.7, 2, 1), (0.1, 2, 1), (0.0, 8, 1), (13.9, 16, 14), (15.0, 8, 8)],
)
def test_a_thread_for_each_free_core(free, most, threads):
    assert fit_threads(free, most) == threads


@pytest.mark.parametrize("looks", itertools.product((1, 2), repeat=5))
def test_machine_is_busy_if_most_of_five_looks_say_so(monkeypatch, looks):
    """By the median of all five, of which those that can change nothing any more are not taken."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(waiting.time, "sleep", lambda seconds: None)
    left = list(looks)
    monkeypatch.setattr(waiting, "count_running", lambda: left.pop(0))
    assert waiting.is_busy() == (statistics.median(looks) == 2)
    taken = looks[: len(looks) - len(left)]
    assert max(taken.count(1), taken.count(2)) == 3


def find_policy(running, **variables):
    """What a process that loads the package waits like, where so many threads compute on two cores."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    environment = {name: value for name, value in os.environ.items() if name not in names} | variables
    script = (
        "import importlib.util, os, sys, types\n"
        "package = types.ModuleType('seq2seq'); package.__path__ = ['seq2seq']; sys.modules['seq2seq'] = package\n"
        "from seq2seq.base import threads\n"
        f"threads.count_running = lambda: {running}\n"
        "os.cpu_count = lambda: 2\n"
        "threads.wait_passively_if_busy()\n"
        "print(os.environ.get('OMP_WAIT_POLICY'))"
    )
    shown = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return shown.stdout.strip()


@pytest.mark.parametrize(("running", "policy"), [(1, "None"), (2, "PASSIVE"), (3, "PASSIVE"), (None, "PASSIVE")])
def test_threads_wait_asleep_where_others_compute(running, policy):
    assert find_policy(running) == policy


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"),
        ({"GOMP_SPINCOUNT": "1000"}, "None"),
        ({"KMP_BLOCKTIME": "1"}, "None"),
    ],
)
def test_threads_wait_as_users_say(given, policy):
    assert find_policy(3, **given) == policy

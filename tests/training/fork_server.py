"""Launches of several processes without the imports of each, by a server that has imported all and forks.

The server is one for all launches of a test session, computes nothing itself, and reads a launch a line. The processes
find each other as those of torchrun do; torchrun itself has its tests in tests/launch and in test_two_processes.py.
"""

import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest
from torch.distributed import TCPStore

ROOT = Path(__file__).parents[2]
GRACE_SECONDS = 10  # when one process has failed, the others have this long to say what they know of it


def launch_in_forks(processes: int, module: str, *arguments: str) -> subprocess.CompletedProcess:
    """Runs a module in several processes that know of each other; returns 1 where any failed, and what they printed."""
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)  # chooses a free port and keeps it
    of_all = {
        "MASTER_ADDR": "localhost", "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True",
        "WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes),
    }  # fmt: skip
    return ask_for_forks(
        module, arguments, [of_all | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]
    )


def run_in_fork(module: str, *arguments: str) -> subprocess.CompletedProcess:
    """Runs a module in one process that knows of no others, as `python -m` would."""
    return ask_for_forks(module, arguments, [{}])


def ask_for_forks(
    module: str, arguments: tuple[str, ...], changes: list[dict[str, str]]
) -> subprocess.CompletedProcess:
    """Runs a module in a fork for each of some changes to this process's environment."""
    environments = [os.environ | {"OMP_NUM_THREADS": "1"} | change for change in changes]
    with tempfile.TemporaryDirectory() as folder:
        logs = [str(Path(folder) / name) for name in ("stdout", "stderr")]
        request = {"module": module, "arguments": arguments, "environments": environments, "logs": logs}
        codes = ask_server(request)
        return subprocess.CompletedProcess(module, int(any(codes)), *(Path(log).read_text() for log in logs))


def ask_server(request: dict) -> list[int]:
    server = start_server()
    try:
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())
    except BaseException:  # a timeout of the test's, say: what is still running goes, and the next launch starts afresh
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        start_server.cache_clear()
        raise


@cache
def start_server() -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.training.fork_server"]
    # It ends when its input does, which is when this process ends, however that comes about.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )


def main() -> None:
    import torch._dynamo
    import torch.distributed.fsdp  # noqa: F401
    import transformers.models.bert_generation.modeling_bert_generation  # noqa: F401

    import seq2seq.training.sharding
    import seq2seq.verbs.train  # noqa: F401
    import tests.training.runs  # noqa: F401
    from tests.conftest import leave_out_syncs_and_drawing

    leave_out_syncs_and_drawing(pytest.MonkeyPatch())
    gc.collect()
    gc.freeze()  # else the first collection of each fork would copy the whole memory of this process
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)


def run(module: str, arguments: list[str], environments: list[dict[str, str]], logs: list[str]) -> list[int]:
    """Forks a process for each environment; returns how each ended. The first to fail takes the others with it."""
    ranks = {fork(module, arguments, environment, logs): rank for rank, environment in enumerate(environments)}
    codes, deadline = [0] * len(environments), float("inf")
    while ranks:
        for process in list(ranks):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                rank = ranks.pop(process)
                codes[rank] = os.waitstatus_to_exitcode(status)
                deadline = min(deadline, time.monotonic() + GRACE_SECONDS) if codes[rank] else deadline
            elif time.monotonic() > deadline:
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)
    return codes


def fork(module: str, arguments: list[str], environment: dict[str, str], logs: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor, log in zip((1, 2), logs, strict=True):
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = int(bool(ended.code))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()

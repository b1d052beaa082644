"""Launches in forks tell how they ended, as those of torchrun."""

import os
import subprocess
from functools import cache

import pytest

from tests.training import fork_server
from tests.training.fork_server import launch_in_forks


def test_process_that_fails_is_told_with_what_it_printed():
    result = launch_in_forks(1, "seq2seq", "train", "missing.yaml")
    assert (result.returncode, result.stdout) == (1, "")
    assert "missing.yaml: there is no such recipe" in result.stderr


def test_process_that_waits_for_one_that_failed_is_killed(tmp_path, monkeypatch):
    waiting = tmp_path / "waiting.py"
    waiting.write_text("import os, signal\nif os.environ['RANK'] == '0':\n    signal.pause()\nraise SystemExit(1)\n")
    monkeypatch.setattr(fork_server, "GRACE_SECONDS", 0)
    monkeypatch.syspath_prepend(tmp_path)
    logs = [str(tmp_path / name) for name in ("stdout", "stderr")]
    environments = [os.environ | {"RANK": rank} for rank in ("0", "1")]
    assert fork_server.run("waiting", [], environments, logs) == [-9, 1]


def test_launch_that_is_broken_off_takes_its_server_with_it_and_the_next_has_another(monkeypatch):
    settings = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    monkeypatch.setattr(fork_server, "start_server", cache(lambda: subprocess.Popen("cat", **settings)))
    first = fork_server.start_server()
    with pytest.raises(TypeError, match="not JSON serializable"):
        fork_server.ask_server({"module": object()})
    assert first.wait() == -9
    second = fork_server.start_server()
    assert second.communicate("alive")[0] == "alive"

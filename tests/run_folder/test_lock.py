"""The lock of a run folder: one holder, let go by a process that is killed, left out where files cannot be locked."""

import errno
import fcntl
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from seq2seq.base.errors import TrainingError
from seq2seq.run_folder.folder import RunFolder
from seq2seq.run_folder.lock import RunLock


@pytest.fixture
def lock(tmp_path):
    """A lock that is held."""
    held = RunLock(tmp_path / "run")
    held.acquire()
    yield held
    held.release()


def hold_in_another_process(folder: Path) -> int:
    """The id of a process that holds the lock and waits."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        RunLock(folder).acquire()
        os.write(writing, b"held")
        signal.pause()
    os.read(reading, 4)
    for end in (reading, writing):
        os.close(end)
    return child


def test_second_holder_is_refused_and_the_first_is_named(lock):
    with pytest.raises(
        TrainingError, match=rf"run is in use: process {os.getpid()} on {socket.gethostname()} \(since 20.* output\."
    ):
        RunLock(lock.folder).acquire()
    assert json.loads(lock.path.read_text())["process"] == os.getpid()


def test_holder_that_has_not_yet_written_its_name_is_another_process(lock):
    lock.path.write_text("")
    with pytest.raises(TrainingError, match="in use: another process is writing to it"):
        RunLock(lock.folder).acquire()


def test_lock_of_a_killed_process_is_free(tmp_path):
    child = hold_in_another_process(tmp_path)
    with pytest.raises(TrainingError, match=f"process {child} on"):
        RunLock(tmp_path).acquire()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / "run.lock").exists()
    lock = RunLock(tmp_path)
    assert lock.acquire() is None
    lock.release()


def test_released_lock_is_free_and_leaves_nothing(tmp_path):
    for _ in range(2):
        lock = RunLock(tmp_path / "runs" / "one")
        lock.acquire()
        lock.release()
        assert list(tmp_path.iterdir()) == []


def test_folder_that_stood_before_or_was_written_to_stays(tmp_path):
    lock = RunLock(tmp_path / "runs" / "one")
    lock.acquire()
    (tmp_path / "runs" / "one" / "recipe.yaml").touch()
    lock.release()
    assert [path.name for path in (tmp_path / "runs" / "one").iterdir()] == ["recipe.yaml"]


def test_lock_that_was_never_taken_is_released_without_harm(lock):
    RunLock(lock.folder).release()
    assert lock.path.exists()


def test_lock_taken_on_a_file_that_the_holder_before_removed_is_taken_again(tmp_path, monkeypatch):
    (tmp_path / "run.lock").touch()
    locked = []

    def lock_late(descriptor, operation, flock=fcntl.flock):
        if not locked:  # between our opening and our locking the holder before lets go
            (tmp_path / "run.lock").unlink()
        locked.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    RunLock(tmp_path).acquire()
    assert len(locked) == 2
    with pytest.raises(TrainingError, match="is in use"):
        RunLock(tmp_path).acquire()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_file_system_without_locks_gives_its_reason(tmp_path, monkeypatch, number):
    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert RunLock(tmp_path).acquire() == os.strerror(number)


def test_other_errors_of_locking_are_no_reason_to_go_on(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        RunLock(tmp_path).acquire()


def test_lock_does_not_make_a_folder_taken(lock):
    RunFolder(lock.folder).check_free()

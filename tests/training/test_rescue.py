"""Rescue points: checkpoints by the clock, of which there is one at most and which nothing counts."""

import shutil

import pytest

import seq2seq
from seq2seq.base.errors import CheckpointError, TrainingInterrupted
from seq2seq.checkpoints.find import find_checkpoint, list_last
from seq2seq.run_folder.steps import list_rescues, list_steps, rescue_folder, step_folder
from seq2seq.training import rescue
from seq2seq.training.trainer import Trainer
from tests.training.faults import send_at_step
from tests.training.runs import hash_weights, read_events


@pytest.fixture
def a_minute_a_step(monkeypatch):
    """A clock by which every step takes a minute."""
    now = [0.0]

    def run_step(self, bar, run_step=Trainer._run_step):
        run_step(self, bar)
        now[0] += 60

    monkeypatch.setattr(Trainer, "_run_step", run_step)
    monkeypatch.setattr(rescue.time, "monotonic", lambda: now[0])


@pytest.fixture
def saved(monkeypatch):
    """What stands in a run folder whenever a step is behind: steps of checkpoints, then of rescue points."""
    seen = []

    def validate_and_save(self, bar, do=Trainer._validate_and_save):
        do(self, bar)
        run = self.callbacks.save.__self__.folder.path
        seen.append((list_steps(run), list_rescues(run)))

    monkeypatch.setattr(Trainer, "_validate_and_save", validate_and_save)
    return seen


@pytest.mark.usefixtures("a_minute_a_step")
def test_rescue_points_come_by_the_clock_and_the_next_checkpoint_replaces_them(recipe, saved):
    seq2seq.train(recipe(checkpoint_every_minutes=2, checkpoint_every_steps=5))
    # Minutes 2 and 4 have one; the checkpoint of step 5 sets the clock anew; the last step has a checkpoint.
    assert saved == [([], []), ([], [2]), ([], [2]), ([], [4]), ([5], []), ([5, 6], [])]


@pytest.mark.usefixtures("a_minute_a_step")
def test_run_without_rescue_points_has_none(recipe, saved):
    seq2seq.train(recipe(checkpoint_every_minutes=None))
    assert saved == [([], [])] * 5 + [([6], [])]


@pytest.mark.usefixtures("a_minute_a_step")
def test_run_goes_on_from_its_rescue_point_to_the_same_weights_and_events(recipe, monkeypatch):
    whole = seq2seq.train(recipe("whole", checkpoint_every_minutes=None, checkpoint_every_steps=3))
    path = recipe("killed", checkpoint_every_minutes=2, checkpoint_every_steps=3)
    with monkeypatch.context() as patch, pytest.raises(KeyError):
        patch.setattr(Trainer, "update", fail_at(6, Trainer.update))
        seq2seq.train(path)
    run = path.with_suffix("")
    assert (list_steps(run), list_rescues(run)) == ([3], [5])
    seq2seq.train(path, resume=True)
    assert (list_steps(run), list_rescues(run)) == ([3, 6], [])
    assert hash_weights(run, 6) == hash_weights(whole, 6)
    for event in ("train", "checkpoint", "end"):
        assert [strip(row) for row in read_events(run, event)] == [strip(row) for row in read_events(whole, event)]


def fail_at(step, update):
    def fail(self, batch, number):
        if number == step:
            raise KeyError
        return update(self, batch, number)

    return fail


def strip(event):
    """An event without what no two runs have in common."""
    return {name: value for name, value in event.items() if name != "seconds"}


@pytest.mark.usefixtures("a_minute_a_step")
def test_damaged_rescue_point_is_passed_over_and_set_aside(recipe, monkeypatch, capsys):
    path = recipe(checkpoint_every_minutes=2, checkpoint_every_steps=3)
    with monkeypatch.context() as patch, pytest.raises(KeyError):
        patch.setattr(Trainer, "update", fail_at(6, Trainer.update))
        seq2seq.train(path)
    run = path.with_suffix("")
    (rescue_folder(run, 5) / "model.safetensors").write_bytes(b"damaged")
    shutil.copytree(rescue_folder(run, 5), rescue_folder(run, 5).with_name(".rescue_00000005.partial"))
    seq2seq.train(path, resume=True)
    told = capsys.readouterr().err
    assert "Passed over: " in told
    assert "rescue_00000005.broken" in told
    assert "Going on from step 3." in told
    assert not list(run.glob("checkpoints/.rescue*"))


@pytest.mark.usefixtures("a_minute_a_step")
def test_rescue_point_is_no_checkpoint_to_average_but_the_last_resort_to_write_with(recipe, monkeypatch):
    path = recipe(checkpoint_every_minutes=2)
    with monkeypatch.context() as patch, pytest.raises(KeyError):
        patch.setattr(Trainer, "update", fail_at(4, Trainer.update))
        seq2seq.train(path)
    run = path.with_suffix("")
    with pytest.raises(CheckpointError, match=r"has 0 checkpoints, not 1 \(steps found: none\)"):
        list_last(run, 1)
    assert find_checkpoint(run) == rescue_folder(run, 2)
    assert len(seq2seq.generate(run, ["cat dog"])) == 1


@pytest.mark.usefixtures("a_minute_a_step")
def test_keep_checkpoints_does_not_count_rescue_points(recipe, saved):
    options = {"checkpoint_every_minutes": 1.5, "checkpoint_every_steps": 2, "keep_checkpoints": 1}
    seq2seq.train(recipe(max_steps=6, **options))
    assert saved[-1] == ([6], [])
    assert all(len(rescues) <= 1 for _, rescues in saved)


@pytest.mark.usefixtures("a_minute_a_step")
def test_clock_may_change_on_resume(recipe, monkeypatch):
    path = recipe(checkpoint_every_minutes=2)
    with monkeypatch.context() as patch, pytest.raises(TrainingInterrupted):
        send_at_step(patch, "SIGTERM", 3)
        seq2seq.train(path)
    run = seq2seq.train(path, ["training.checkpoint_every_minutes=null"], resume=True)
    assert step_folder(run, 6).exists()

"""Going on for longer: runs whose schedule does not know its end may, others say how to get there."""

import json
import re
import shlex
from contextlib import contextmanager

import pytest
import yaml
from safetensors.torch import load_file

import seq2seq
from seq2seq.base.errors import TrainingError
from seq2seq.recipe.recipe import load_recipe
from seq2seq.run_folder.steps import list_steps
from seq2seq.training.trainer import Trainer
from tests.training.runs import hash_weights, read_events, write_pairs, write_recipe


@pytest.fixture
def recipe(tiny_bert, tmp_path):
    """A function that writes a recipe of four steps with validation and test."""

    def write(name="run", **changes):
        data = {split: write_pairs(tmp_path / f"{split}.jsonl", 4, start=100) for split in ("validation", "test")}
        return write_recipe(
            tmp_path,
            tiny_bert,
            name,
            data=data,
            **{"max_steps": 4, "schedule": "constant", "checkpoint_every_steps": 2} | changes,
        )

    return write


def load_training(folder, step):
    saved = folder / f"checkpoints/step_{step:08d}/training"
    optimizer = load_file(saved / "optimizer.safetensors")
    return {name: tensor.tolist() for name, tensor in optimizer.items()}


@contextmanager
def dying_behind_step(monkeypatch, step):
    """Lets a run in the block die before the step that follows."""
    run_step = Trainer._run_step

    def die(self, bar):
        if self.state.step == step:
            raise KeyboardInterrupt
        run_step(self, bar)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_run_step", die)
        yield


@pytest.mark.parametrize("schedule", ["constant", "inverse_square_root"])
def test_longer_run_equals_the_uninterrupted_one_bit_for_bit(recipe, schedule):
    options = {"schedule": schedule, "warmup_steps": 3, "ema_decay": 0.9}
    whole = seq2seq.train(recipe("whole", max_steps=7, **options))
    path = recipe("run", **options)
    folder = seq2seq.train(path)
    first = json.loads((folder / "scores.json").read_text())
    seq2seq.train(path, ["training.max_steps=7"], resume=True)
    assert hash_weights(folder, 7) == hash_weights(whole, 7)
    assert load_training(folder, 7) == load_training(whole, 7)
    assert [(row["reason"], row["step"]) for row in read_events(folder, "end")] == [("max_steps", 7)]
    # Steps 4, where it ended before, and 7; the losses of steps are those of the run left alone.
    losses = [row["loss"] for row in read_events(folder, "train")]
    assert losses == [row["loss"] for row in read_events(whole, "train")]
    assert [row["step"] for row in read_events(folder, "validation")] == [4, 7]
    scores = json.loads((folder / "scores.json").read_text())
    assert scores["checkpoint"] != first["checkpoint"] or scores["checkpoint"].endswith("00000004")
    assert (folder / "README.md").exists()


def test_new_length_is_recorded(recipe, capsys):
    path = recipe()
    folder = seq2seq.train(path)
    begun = yaml.safe_load((folder / "recipe.yaml").read_text())
    seq2seq.train(path, ["training.max_steps=5"], resume=True)
    assert "The run now ends after 5 steps." in capsys.readouterr().err
    now = yaml.safe_load((folder / "recipe.yaml").read_text())
    assert now == begun | {"training": begun["training"] | {"max_steps": 5}}
    (event,) = read_events(folder, "length")
    assert (event["step"], event["was"], event["now"]) == (
        4,
        {"max_steps": 4, "max_epochs": None},
        {"max_steps": 5, "max_epochs": None},
    )
    assert {"date", "command"} <= event.keys()
    before = (folder / "progress.jsonl").read_text()
    seq2seq.train(path, ["training.max_steps=5"], resume=True)
    assert "is finished: all of its 5 steps are done" in capsys.readouterr().err
    assert (folder / "progress.jsonl").read_text() == before


def test_run_killed_in_its_longer_part_goes_on(recipe, monkeypatch):
    whole = seq2seq.train(recipe("whole", max_steps=7))
    path = recipe()
    folder = seq2seq.train(path)
    with dying_behind_step(monkeypatch, 6):
        seq2seq.train(path, ["training.max_steps=7"], resume=True)
    assert not (folder / "scores.json").exists()  # of step 4, no longer the last
    seq2seq.train(path, ["training.max_steps=7"], resume=True)
    assert hash_weights(folder, 7) == hash_weights(whole, 7)
    assert len(read_events(folder, "length")) == 1
    assert [row["step"] for row in read_events(folder, "end")] == [7]


def test_unfinished_run_may_be_made_longer_and_shorter(recipe, monkeypatch):
    path = recipe(max_steps=6)
    with dying_behind_step(monkeypatch, 3):
        seq2seq.train(path)
    folder = seq2seq.train(path, ["training.max_steps=3"], resume=True)
    assert list_steps(folder)[-1] == 3
    seq2seq.train(path, ["training.max_steps=5"], resume=True)
    assert [(row["was"]["max_steps"], row["now"]["max_steps"]) for row in read_events(folder, "length")] == [
        (6, 3),
        (3, 5),
    ]


def test_epochs_may_be_more_or_steps_take_their_place(recipe):
    # 40 pairs, 8 a step: an epoch is 5 steps.
    path = recipe(max_steps=None, max_epochs=1)
    folder = seq2seq.train(path)
    seq2seq.train(path, ["training.max_epochs=2"], resume=True)
    assert list_steps(folder)[-1] == 10
    seq2seq.train(path, ["training.max_epochs=null", "training.max_steps=11"], resume=True)
    assert list_steps(folder)[-1] == 11
    assert yaml.safe_load((folder / "recipe.yaml").read_text())["training"]["max_epochs"] is None


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (["training.max_steps=2"], "has done 4 steps already, so it cannot end after 2 steps. Ask for as many"),
        (["training.max_steps=null", "training.max_epochs=1"], None),  # of 5 steps: longer
    ],
)
def test_run_cannot_end_before_the_steps_that_it_has_done(recipe, length, message):
    path = recipe()
    folder = seq2seq.train(path)
    before = {name: (folder / name).read_bytes() for name in ("recipe.yaml", "progress.jsonl", "scores.json")}
    if message is None:
        seq2seq.train(path, length, resume=True)
        assert list_steps(folder)[-1] == 5
        return
    with pytest.raises(TrainingError, match=message):
        seq2seq.train(path, length, resume=True)
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_run_of_more_steps_than_the_epochs_asked_for_is_refused(recipe):
    path = recipe(max_steps=6)
    seq2seq.train(path)
    with pytest.raises(TrainingError, match="has done 6 steps already, .* after 1 epochs, which are 5 steps"):
        seq2seq.train(path, ["training.max_steps=null", "training.max_epochs=1"], resume=True)


def test_run_that_stopped_early_stays_so(recipe, monkeypatch, capsys):
    coming = iter([1.0, 2.0, 3.0, 4.0])
    monkeypatch.setattr("seq2seq.runs.validation.compute_validation_loss", lambda *arguments: next(coming))
    path = recipe(early_stopping=1, validate_every_steps=1)
    folder = seq2seq.train(path)
    seq2seq.train(path, ["training.max_steps=9"], resume=True)
    assert "is finished: it stopped at step 2 of 9" in capsys.readouterr().err
    assert read_events(folder, "length") == []


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_schedule_that_knows_its_end_is_refused_with_two_commands_that_work(recipe, schedule):
    path = recipe(schedule=schedule, warmup_steps=2)
    folder = seq2seq.train(path)
    with pytest.raises(TrainingError, match=rf"begun for 4 steps, and its schedule, {schedule}, falls") as caught:
        seq2seq.train(path, ["training.max_steps=6"], resume=True)
    commands = [shlex.split(line) for line in re.findall(r"^  (seq2seq train .*)$", str(caught.value), re.M)]
    second, anew = [load_recipe(words[2], words[3:]) for words in commands]
    # Six steps are four and two more, which leave no time for a warm-up of two.
    assert (second.training.max_steps, second.training.warmup_steps) == (2, 0)
    assert (second.model.plan, second.model.checkpoint) == ("pretrained", str(folder))
    assert (anew.training.max_steps, anew.training.warmup_steps, anew.model.plan) == (6, 2, "bert2bert")
    assert len({str(folder), second.output, anew.output}) == 3
    seq2seq.train(second)
    assert list_steps(folder.with_name("run_second")) == [2]


def test_another_option_beside_the_length_is_refused(recipe):
    path = recipe()
    seq2seq.train(path)
    with pytest.raises(TrainingError, match=r"(?s)was begun with another recipe.*learning_rate.*max_steps"):
        seq2seq.train(path, ["training.max_steps=6", "training.learning_rate=0.1"], resume=True)


def test_run_begun_with_another_length_of_outputs_than_of_targets_keeps_it(recipe):
    # As before outputs followed targets: 128 in the run, and nothing in the recipe.
    path = recipe(model={"max_positions": 200})
    values = yaml.safe_load(path.read_text())
    del values["generation"]["max_target_tokens"]
    path.write_text(yaml.safe_dump(values))
    assert load_recipe(path).generation.max_target_tokens == 16
    folder = seq2seq.train(path, ["generation.max_target_tokens=128"])
    seq2seq.train(path, ["training.max_steps=5"], resume=True)
    recorded = yaml.safe_load((folder / "recipe.yaml").read_text())
    assert (recorded["generation"]["max_target_tokens"], recorded["training"]["max_steps"]) == (128, 5)

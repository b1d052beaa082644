"""Trackers: what they are told, where TensorBoard writes it, and names that cannot be used."""

import shutil
from importlib.util import find_spec
from itertools import count
from types import SimpleNamespace

import pytest
import yaml

import seq2seq
from seq2seq.base.errors import RecipeError
from seq2seq.processes.trackers import check_trackers, track
from seq2seq.run_folder.folder import RunFolder
from tests.training.runs import read_events, write_pairs

FIGURES = ("loss", "gradient_norm", "learning_rate")


@pytest.fixture
def recipe(tiny_bert, tmp_path, monkeypatch):
    """A function that writes a recipe of six steps for TensorBoard, a checkpoint at the third, and returns its path."""
    if find_spec("tensorboard") is None:
        pytest.skip("tensorboard is not installed; it comes with the extra [trackers]")
    # Files of one second are told apart, and ordered as text, by how many the process has written.
    numbers = SimpleNamespace(get=count().__next__)
    monkeypatch.setattr("tensorboard.summary.writer.event_file_writer._global_uid", numbers)

    def write(**training):
        values = {
            "task": "sentence_fusion",
            "output": str(tmp_path / "run"),
            "model": {"plan": "bert2bert", "encoder": str(tiny_bert)},
            "data": {
                "train": write_pairs(tmp_path / "train.jsonl", 24),
                "validation": write_pairs(tmp_path / "validation.jsonl", 3, start=100),
                "max_source_tokens": 16,
                "max_target_tokens": 16,
            },
            "training": {
                "batch_examples": 8,
                "max_steps": 6,
                "log_every_steps": 1,
                "checkpoint_every_steps": 3,
                "validate_every_steps": 3,
                "trackers": "tensorboard",
            }
            | training,
            "generation": {"num_beams": 1, "max_target_tokens": 10},
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(values))
        return path

    return write


def read_board(folder) -> dict[str, list[tuple[int, float]]]:
    """Steps and values of every curve that TensorBoard shows of a run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(RunFolder(folder).trackers / "seq2seq")).Reload()
    return {name: [(row.step, row.value) for row in board.Scalars(name)] for name in board.Tags()["scalars"]}


def expected_board(folder) -> dict[str, list[tuple[int, float]]]:
    """What progress.jsonl says, in the single precision of TensorBoard."""
    rows = {"train": read_events(folder, "train"), "validation": read_events(folder, "validation")}
    names = [*(("train", name) for name in FIGURES), ("validation", "loss"), ("validation", "source_gain")]
    return {
        f"{event}/{name}": [(row["step"], pytest.approx(row[name], rel=1e-6)) for row in rows[event]]
        for event, name in names
    }


def test_board_shows_the_figures_of_every_event(recipe):
    folder = seq2seq.train(recipe())
    assert len(read_board(folder)["train/loss"]) == 6
    assert read_board(folder) == expected_board(folder)


def test_figure_that_a_skipped_step_lacks_is_left_out():
    told = []
    accelerator = SimpleNamespace(log=lambda values, step: told.append((values, step)))
    event = {"event": "train", "loss": 2.5, "gradient_norm": None, "step": 3, "seconds": 1.5}
    track(accelerator, event, {"step": 3, "seconds": 1.5})
    track(accelerator, {"event": "skipped", "skipped_steps": 1, "step": 3}, {"step": 3})
    assert told == [({"train/loss": 2.5}, 3)]


def test_board_knows_the_recipe(recipe):
    folder = seq2seq.train(recipe(max_steps=1))
    (written,) = (folder / "trackers/seq2seq").glob("*/hparams.yml")
    options = yaml.safe_load(written.read_text())
    assert (options["training.max_steps"], options["model.plan"]) == (1, "bert2bert")
    assert options["model.dropout"] == "None"


def test_resumed_run_goes_on_on_its_board_and_shows_no_step_twice(recipe, monkeypatch):
    def crash(self, event, append=RunFolder.append_progress):
        if event["step"] == 5 and event["event"] == "train":
            raise KeyboardInterrupt
        append(self, event)

    path = recipe()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunFolder, "append_progress", crash)
        seq2seq.train(path)
    folder = path.with_name("run")
    assert [step for step, _ in read_board(folder)["train/loss"]] == [1, 2, 3, 4]  # the checkpoint is that of step 3
    seq2seq.train(path, resume=True)
    assert [step for step, _ in read_board(folder)["train/loss"]] == [1, 2, 3, 4, 5, 6]
    assert read_board(folder) == expected_board(folder)


def test_run_that_begins_again_begins_its_board_again(recipe):
    path = recipe(max_steps=2)
    folder = seq2seq.train(path)
    shutil.rmtree(folder / "checkpoints")
    seq2seq.train(path, resume=True)
    assert [step for step, _ in read_board(folder)["train/loss"]] == [1, 2]


def test_run_goes_on_with_other_trackers(recipe):
    path = recipe(max_steps=1, trackers=[])
    folder = seq2seq.train(path)
    assert not (folder / "trackers").exists()
    longer = RunFolder(folder).recipe
    longer.write_text(longer.read_text().replace("max_steps: 1", "max_steps: 2"))
    seq2seq.train(path, ["training.max_steps=2", "training.trackers=tensorboard"], resume=True)
    assert [step for step, _ in read_board(folder)["train/loss"]] == [2]


def test_name_that_is_no_tracker_is_refused():
    with pytest.raises(RecipeError, match=r"training\.trackers: 'tensorbord' is no tracker .* mlflow, .*tensorboard"):
        check_trackers(("tensorbord",))


@pytest.mark.parametrize(
    ("name", "command"), [("tensorboard", r"pip install \.\[trackers\]"), ("wandb", "pip install wandb")]
)
def test_tracker_that_is_not_installed_is_refused(monkeypatch, name, command):
    monkeypatch.setattr("seq2seq.processes.trackers.get_available_trackers", list)
    with pytest.raises(RecipeError, match=rf"training\.trackers: {name} is not installed here \({command}\)"):
        check_trackers((name,))

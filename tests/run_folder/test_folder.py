"""The run folder: beginning, progress lines, cutting them."""

import json
import resource
from pathlib import Path

import pytest

from seq2seq.base.errors import DataError, TrainingError
from seq2seq.run_folder.folder import RunFolder, format_command


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create("task: translation\n")
    return folder


def test_new_run_holds_recipe_and_environment(run):
    assert run.exists()
    assert run.recipe.read_text() == "task: translation\n"
    environment = json.loads((run.path / "environment.json").read_text())
    assert {"date", "command", "python", "platform", "processors", "packages"} == set(environment)
    assert {"torch", "transformers", "accelerate"} <= set(environment["packages"])


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["/bin/seq2seq", "train", "my recipe.yaml"], "seq2seq train 'my recipe.yaml'"),
        (["/lib/seq2seq/__main__.py", "train", "a.yaml"], "python -m seq2seq train a.yaml"),
    ],
)
def test_command_of_a_run_can_be_typed_again(arguments, command):
    assert format_command(arguments) == command


def test_run_is_not_begun_twice(run):
    with pytest.raises(TrainingError, match="already holds a run; add --resume"):
        run.create("")


def test_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(TrainingError, match="is not empty, or choose another output"):
        RunFolder(tmp_path).check_free()


def test_empty_folder_is_free(tmp_path):
    RunFolder(tmp_path).check_free()
    assert not RunFolder(tmp_path).exists()


@pytest.mark.parametrize("trace", ["run.lock", ".recipe.yaml.partial"])
def test_folder_in_which_a_run_was_killed_before_it_began_is_free(tmp_path, trace):
    (tmp_path / trace).touch()
    RunFolder(tmp_path).check_free()


def test_cleared_folder_is_free(run):
    run.append_progress({"event": "train", "step": 1})
    (run.path / ".origin.json.partial").touch()
    run.card.touch()
    run.clear()
    run.check_free()
    assert list(run.path.iterdir()) == []


def test_recipe_is_cleared_last_so_that_a_kill_leaves_a_known_run(run, monkeypatch):
    removed = []
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok: removed.append(self.name))
    run.clear()
    assert removed[-1] == "recipe.yaml"


def test_progress_line_that_does_not_fit_on_the_disk_leaves_nothing(run):
    run.append_progress({"event": "train", "step": 1})
    before, limits = run.progress.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5, limits[1]))  # the kernel writes five bytes and stops
    try:
        with pytest.raises(OSError, match=r"No space left on device: '.*progress\.jsonl'"):
            run.append_progress({"event": "train", "step": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert run.progress.read_bytes() == before


def test_progress_is_appended_line_by_line(run):
    run.append_progress({"event": "train", "step": 1})
    run.append_progress({"event": "train", "step": 2})
    assert [event["step"] for event in run.read_progress()] == [1, 2]


def test_progress_line_that_a_crash_cut_short_is_left_out(run):
    run.append_progress({"event": "train", "step": 1})
    with run.progress.open("a") as file:
        file.write('{"event": "tr')
    assert [event["step"] for event in run.read_progress()] == [1]


@pytest.mark.parametrize("line", ['{"event": "tr', "5", '{"event": "train"}', "\udcff"])
def test_broken_progress_line_within_the_file_is_refused(run, line):
    run.append_progress({"event": "train", "step": 1})
    with run.progress.open("a", errors="surrogateescape") as file:
        file.write(f"{line}\n")
    assert len(list(run.read_progress())) == 1  # as the last it may be one cut short
    run.append_progress({"event": "train", "step": 2})
    with pytest.raises(DataError, match=r"progress\.jsonl line 2 is broken.*Remove the line"):
        list(run.read_progress())


def test_progress_is_cut_behind_a_step_and_ends_are_dropped(run):
    for event, step in (("train", 1), ("train", 2), ("checkpoint", 2), ("end", 2), ("train", 3)):
        run.append_progress({"event": event, "step": step})
    run.crop_progress(2)
    assert [(row["event"], row["step"]) for row in run.read_progress()] == [
        ("train", 1),
        ("train", 2),
        ("checkpoint", 2),
    ]


def test_numbers_that_json_lacks_are_refused(run):
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.append_progress({"event": "train", "step": 1, "loss": float("nan")})


def test_predictions_stand_under_their_split(run):
    run.write_predictions("test", [{"source": "ä"}])
    assert (run.path / "predictions/test.jsonl").read_text(encoding="utf-8") == '{"source": "ä"}\n'

"""What happens to a run: full disks, damaged and deleted files, two runs in one folder, a changed recipe, changed data.

Each fault is either survived, with the weights and scores of the run left alone, or refused with a message; the older
checkpoint is always kept.
"""

import errno
import fcntl
import hashlib
import json
import os
import resource
import shutil
from pathlib import Path

import pytest
import yaml
from safetensors import SafetensorError

import seq2seq
from seq2seq.base.errors import DataError, TrainingError
from seq2seq.checkpoints import folder as folder_module
from seq2seq.run_folder.folder import RunFolder
from seq2seq.run_folder.steps import list_steps, load_best
from seq2seq.text.tokenizers import TokenizerPair
from tests.training.runs import read_events, write_pairs

QUOTED = "No space left on device (os error 28)"  # as writers made in Rust say it


@pytest.fixture(scope="module")
def whole(tiny_bert, tmp_path_factory) -> Path:
    """The recipe of a run left alone, with the run in `run` beside it: checkpoints of steps 2, 4 and 6, the best."""
    folder = tmp_path_factory.mktemp("whole")
    values = {
        "task": "sentence_fusion",
        "output": str(folder / "run"),
        "model": {"plan": "bert2bert", "encoder": str(tiny_bert)},
        "data": {
            "train": write_pairs(folder / "train.jsonl", 24),
            "validation": write_pairs(folder / "validation.jsonl", 4, start=100),
            "test": write_pairs(folder / "test.jsonl", 3, start=200),
            "max_source_tokens": 16,
            "max_target_tokens": 16,
        },
        "training": {
            "batch_examples": 4, "max_steps": 6, "log_every_steps": 1, "learning_rate": 1e-3,
            "checkpoint_every_steps": 2, "validate_every_steps": 4, "precision": "fp32",
        },
        "generation": {"num_beams": 1, "max_target_tokens": 6},
    }  # fmt: skip
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values))
    seq2seq.train(path)
    return path


@pytest.fixture
def run(whole, tmp_path) -> Path:
    """A copy of the run, to be damaged."""
    return Path(shutil.copytree(whole.with_name("run"), tmp_path / "run"))


@pytest.fixture
def begun(run) -> Path:
    """A copy of the run that was killed on its way from step 4 to step 6."""
    shutil.rmtree(run / "checkpoints/step_00000006")
    return run


@pytest.fixture
def resume(whole):
    """A function that goes on with a copy, on options over the recipe."""
    return lambda folder, *overrides: seq2seq.train(whole, [f"output={folder}", *overrides], resume=True)


def hash_files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "run.lock"
    }


def hash_results(run: Path) -> list[str]:
    """What has to be the same in every run that was survived."""
    last = run / "checkpoints/step_00000006"
    files = (last / "model.safetensors", last / "training/optimizer.safetensors", run / "scores.json")
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


def list_events(run: Path) -> list[dict]:
    return [row | {"seconds": 0} for row in RunFolder(run).read_progress()]


def fill_disk_at(name: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """From now on the disk is full as soon as a file of that name is to be made durable."""

    def refuse(descriptor, fsync=os.fsync):
        state = os.fstat(descriptor)
        if any(os.path.samestat(state, path.stat()) for path in folder.rglob(f"*{name}*") if path.exists()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    patch.setattr(os, "fsync", refuse)


def fill_disk_for_weights(folder: Path, patch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments, **options):
        raise SafetensorError(f"Error while serializing: I/O error: {QUOTED}")

    patch.setattr(folder_module, "save_file", refuse)


def fill_disk_for_tokenizer(folder: Path, patch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments, **options):
        raise Exception(QUOTED)

    patch.setattr(TokenizerPair, "save", refuse)


def fill_disk_for_manifest(folder: Path, patch: pytest.MonkeyPatch) -> None:
    fill_disk_at("manifest.json", folder / "checkpoints/.step_00000006.partial", patch)


@pytest.mark.parametrize("fill", [fill_disk_for_weights, fill_disk_for_tokenizer, fill_disk_for_manifest])
def test_disk_that_fills_up_in_a_checkpoint_stops_the_run_and_is_survived(whole, begun, resume, monkeypatch, fill):
    older = hash_files(begun / "checkpoints/step_00000004")
    with monkeypatch.context() as patch:
        fill(begun, patch)
        with pytest.raises(
            TrainingError,
            match=r"step_00000006.* cannot be written: No space left on device\. .* Free some space",
        ):
            resume(begun)
    assert hash_files(begun / "checkpoints/step_00000004") == older
    assert list_steps(begun) == [2, 4]
    assert [path.name for path in begun.glob("checkpoints/.*")] == []
    assert [event["reason"] for event in read_events(begun, "end")] == ["os_error"]
    resume(begun)
    assert hash_results(begun) == hash_results(whole.with_name("run"))
    assert list_events(begun) == list_events(whole.with_name("run"))


def test_file_that_the_kernel_refuses_to_let_grow_is_survived(whole, begun, resume):
    older = hash_files(begun / "checkpoints/step_00000004")
    limit = (begun / "checkpoints/step_00000004/model.safetensors").stat().st_size + 1  # the optimizer has twice that
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(TrainingError, match=r"step_00000006 cannot be written: File too large\. .* Put that right"):
            resume(begun)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert hash_files(begun / "checkpoints/step_00000004") == older
    assert list_steps(begun) == [2, 4]
    resume(begun)
    assert hash_results(begun) == hash_results(whole.with_name("run"))


@pytest.mark.parametrize("name", ["progress.jsonl", "scores.json", "curves.png", "README.md"])
def test_disk_that_fills_up_elsewhere_stops_the_run_and_is_survived(whole, begun, resume, monkeypatch, request, name):
    if name.endswith(".png"):
        request.getfixturevalue("drawn")
    with monkeypatch.context() as patch:
        # What resuming itself writes to progress.jsonl still fits.
        patch.setattr(RunFolder, "crop_progress", lambda self, step: fill_disk_at(name, begun, patch))
        with pytest.raises(TrainingError, match=rf"{name} cannot be written: No space left on device"):
            resume(begun)
    assert name == "progress.jsonl" or not list(begun.rglob(name))
    assert {4} <= set(list_steps(begun))
    resume(begun)
    assert hash_results(begun) == hash_results(whole.with_name("run"))


def test_disk_that_is_full_when_a_run_begins_is_survived(whole, tmp_path, resume, monkeypatch):
    with monkeypatch.context() as patch:
        fill_disk_at("origin.json", tmp_path / "run", patch)
        with pytest.raises(TrainingError, match=r"origin\.json cannot be written: No space left"):
            resume(tmp_path / "run")
    resume(tmp_path / "run")
    assert hash_results(tmp_path / "run") == hash_results(whole.with_name("run"))


def test_folder_that_cannot_be_made_is_refused(resume, tmp_path):
    (tmp_path / "file").touch()
    for folder in ("run", "deep/run"):
        with pytest.raises(TrainingError, match=r"file/.* cannot be written: Not a directory\. .* Put that right"):
            resume(tmp_path / "file" / folder)


def test_error_of_the_system_about_other_files_is_not_taken_for_a_full_disk(resume, begun, monkeypatch):
    def refuse(*arguments):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "gcc")

    monkeypatch.setattr("seq2seq.runs.validation.compute_validation_loss", refuse)
    with pytest.raises(FileNotFoundError, match="gcc"):
        resume(begun, "training.sharding=none")


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("model.safetensors", truncate),
        ("training/state.json", Path.unlink),
        ("manifest.json", Path.unlink),
    ],
)
def test_damaged_newest_checkpoint_is_passed_over_and_put_aside(whole, run, resume, capsys, name, damage):
    older = hash_files(run / "checkpoints/step_00000004")
    damage(run / "checkpoints/step_00000006" / name)
    resume(run)
    assert f"Passed over: {run / 'checkpoints/step_00000006'}" in capsys.readouterr().err
    assert (run / "checkpoints/step_00000006.broken").exists()
    assert hash_files(run / "checkpoints/step_00000004") == older
    assert hash_results(run) == hash_results(whole.with_name("run"))
    assert list_events(run) == list_events(whole.with_name("run"))


@pytest.mark.parametrize(
    "name", ["scores.json", "predictions/test.jsonl", "README.md", "progress.jsonl", "checkpoints/best.json"]
)
def test_deleted_file_of_a_finished_run_is_written_again(whole, run, resume, capsys, name):
    (run / name).unlink()
    resume(run)
    assert (run / name).exists()
    assert load_best(run) == load_best(whole.with_name("run"))
    assert hash_results(run) == hash_results(whole.with_name("run"))
    message = "progress.jsonl is missing: the figures up to step 6 are lost"
    assert (message in capsys.readouterr().err) == (name == "progress.jsonl")


def test_card_made_while_a_run_goes_on_is_not_taken_for_its_last(begun, resume, monkeypatch):
    def report_early(validation) -> dict[str, float]:
        seq2seq.report(begun)
        return {"loss": 1.0}

    def be_killed(folder) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("seq2seq.runs.validation.Validation.measure", report_early)
        patch.setattr("seq2seq.verbs.train.write_report", be_killed)
        with pytest.raises(KeyboardInterrupt):
            resume(begun)
    assert (begun / "scores.json").exists()
    resume(begun)
    assert "ended by max_steps" in (begun / "README.md").read_text()


def test_damaged_progress_file_is_refused_and_the_run_left_as_it_is(run, resume):
    (run / "checkpoints/best.json").unlink()  # else there is nothing to do
    progress = run / "progress.jsonl"
    progress.write_text(progress.read_text().replace("{", "", 1))
    before = hash_files(run)
    with pytest.raises(DataError, match=r"progress\.jsonl line 1 is broken"):
        resume(run)
    assert hash_files(run) == before


@pytest.mark.parametrize("name", ["recipe.yaml", "origin.json"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("- {")])
def test_run_whose_recipe_or_origin_is_gone_or_broken_is_refused_and_left_as_it_is(run, resume, name, damage):
    damage(run / name)
    before = hash_files(run)
    with pytest.raises(TrainingError, match=rf"{name} is (missing|no longer).* [Pp]ut it back, or choose another"):
        resume(run)
    assert hash_files(run) == before


def test_changed_recipe_is_refused_and_the_run_left_as_it_is(begun, resume):
    before = hash_files(begun)
    with pytest.raises(TrainingError, match=r"training\.learning_rate: the run has 0\.001, the recipe now says 0\.002"):
        resume(begun, "training.learning_rate=0.002")
    assert hash_files(begun) == before


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_changed_data_is_refused_and_the_run_left_as_it_is(whole, begun, resume, split):
    before, path = hash_files(begun), whole.with_name(f"{split}.jsonl")
    text = path.read_text()
    path.write_text(text.replace('"source": "', '"source": "red ', 1))
    try:
        with pytest.raises(TrainingError, match=rf"data\.{split} is not the data that the run in .* began with"):
            resume(begun)
    finally:
        path.write_text(text)
    assert hash_files(begun) == before


def test_references_that_the_model_never_sees_may_not_change_either(whole, begun, resume):
    path = whole.with_name("test.jsonl")
    text = path.read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    rows[0]["references"] = [rows[0]["target"], "another"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    try:
        with pytest.raises(TrainingError, match=r"data\.test is not the data"):
            resume(begun)
    finally:
        path.write_text(text)


@pytest.mark.parametrize("flag", [True, False])
def test_second_run_in_the_folder_of_one_that_goes_on_is_refused_and_disturbs_nothing(
    whole, begun, resume, monkeypatch, flag
):
    refusals = []

    def intrude(self, event, append=RunFolder.append_progress):
        append(self, event)
        if event["step"] == 5 and not refusals:
            before = hash_files(begun)
            with pytest.raises(TrainingError) as refused:
                seq2seq.train(whole, [f"output={begun}"], resume=flag)
            refusals.append(str(refused.value))
            assert hash_files(begun) == before

    monkeypatch.setattr(RunFolder, "append_progress", intrude)
    resume(begun)
    assert f"run is in use: process {os.getpid()} on" in refusals[0]
    assert hash_results(begun) == hash_results(whole.with_name("run"))
    assert not (begun / "run.lock").exists()


def test_lock_left_by_a_killed_run_locks_nobody_out(whole, begun, resume):
    (begun / "run.lock").write_text('{"process": 1, "host": "gone", "since": "2020"}')
    resume(begun)
    assert hash_results(begun) == hash_results(whole.with_name("run"))


def test_file_system_that_locks_no_files_is_said_and_the_run_goes_on(whole, begun, resume, monkeypatch, capsys):
    def refuse(*arguments):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    resume(begun)
    assert "run.lock: this file system locks no files (No locks available)." in capsys.readouterr().err
    assert hash_results(begun) == hash_results(whole.with_name("run"))


def test_best_checkpoint_is_named_after_a_kill_between_it_and_its_name(whole, run, resume):
    for name in ("best.json", "step_00000006"):
        path = run / "checkpoints" / name
        path.unlink() if path.is_file() else shutil.rmtree(path)
    resume(run)
    assert load_best(run) == load_best(whole.with_name("run"))

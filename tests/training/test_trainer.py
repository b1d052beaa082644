"""Training through the real entry point: the gradient under any cut, resuming, validation, what a run leaves behind."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

import seq2seq
from seq2seq.base.errors import DataError, RecipeError, TrainingError
from seq2seq.run_folder.folder import RunFolder
from seq2seq.run_folder.steps import list_steps, load_best
from seq2seq.training.trainer import Trainer
from tests.training.runs import as_generated, compute_expected_step, hash_weights, read_events, write_pairs


@pytest.mark.parametrize("micro_batch_tokens", [8192, 100, 32])
def test_loss_and_gradient_are_the_same_under_any_cut(recipe, tiny_bert, tmp_path, micro_batch_tokens):
    path = recipe(model={"dropout": 0.0}, batch_examples=40, max_steps=1, micro_batch_tokens=micro_batch_tokens)
    folder = seq2seq.train(path)
    loss, norm = compute_expected_step(tiny_bert, tmp_path / "train.jsonl")
    event = read_events(folder, "train")[0]
    assert event["loss"] == pytest.approx(loss, rel=1e-5)
    assert event["gradient_norm"] == pytest.approx(norm, rel=1e-5)


def test_resumed_run_equals_the_uninterrupted_one_bit_for_bit(recipe, monkeypatch):
    settings = {"max_steps": 8, "checkpoint_every_steps": 3, "log_every_steps": 2}
    whole = seq2seq.train(recipe("whole", **settings))
    path = recipe("broken", **settings)

    def crash(self, event, append=RunFolder.append_progress):
        if event["step"] == 6 and event["event"] == "train":
            raise KeyboardInterrupt
        append(self, event)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunFolder, "append_progress", crash)
        seq2seq.train(path)
    broken = path.with_suffix("")
    assert list_steps(broken) == [3]
    seq2seq.train(path, resume=True)
    assert hash_weights(broken, 8) == hash_weights(whole, 8)
    without_time = [[row | {"seconds": 0} for row in RunFolder(folder).read_progress()] for folder in (whole, broken)]
    assert without_time[0] == without_time[1]


def test_same_seed_gives_the_same_weights_and_another_does_not(recipe):
    hashes = [
        hash_weights(seq2seq.train(recipe(name), [f"seed={seed}"]), 6) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_run_on_mapped_data_equals_the_run_on_data_in_memory(recipe, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder, so nothing can be cached in it")
    hashes = []
    for name, cache in (("mapped", tmp_path / "cache"), ("in_memory", tmp_path / "file")):
        monkeypatch.setenv("SEQ2SEQ_CACHE", str(cache))
        hashes.append(hash_weights(seq2seq.train(recipe(name, batch_examples=None, batch_tokens=60)), 6))
    assert hashes[0] == hashes[1]
    assert len(list((tmp_path / "cache/encoded").iterdir())) == 1


def test_resumed_run_finds_the_cache_of_its_beginning(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQ2SEQ_CACHE", str(tmp_path / "cache"))
    path = recipe(max_steps=1)
    seq2seq.train(path)
    seq2seq.train(path, resume=True)  # the tokenizers now come from the checkpoint
    assert len(list((tmp_path / "cache/encoded").iterdir())) == 1


def test_resumed_run_makes_a_lost_cache_again_and_goes_on(recipe, tmp_path, monkeypatch):
    path = recipe(checkpoint_every_steps=3)
    folder = seq2seq.train(path)
    expected = hash_weights(folder, 6)
    shutil.rmtree(folder / "checkpoints/step_00000006")
    monkeypatch.setenv("SEQ2SEQ_CACHE", str(tmp_path / "another"))
    seq2seq.train(path, resume=True)
    assert hash_weights(folder, 6) == expected


def test_test_texts_are_those_that_the_run_began_with(recipe, tmp_path, monkeypatch):
    data = {"test": write_pairs(tmp_path / "test.jsonl", 5, start=200)}
    expected = [json.loads(line)["source"] for line in (tmp_path / "test.jsonl").open()]

    def train_and_lose(self, train=Trainer.train):
        reason = train(self)
        (tmp_path / "test.jsonl").unlink()
        return reason

    monkeypatch.setattr(Trainer, "train", train_and_lose)
    folder = seq2seq.train(recipe(data=data, max_steps=1))
    assert [json.loads(line)["source"] for line in (folder / "predictions/test.jsonl").open()] == expected


def test_resume_without_a_run_begins_one(recipe):
    assert list_steps(seq2seq.train(recipe(max_steps=2), resume=True)) == [2]


def test_finished_run_says_so_and_changes_nothing(recipe, capsys):
    path = recipe(max_steps=2)
    folder = seq2seq.train(path)
    before = (folder / "progress.jsonl").read_text()
    seq2seq.train(path, resume=True)
    assert "is finished: all of its 2 steps are done" in capsys.readouterr().err
    assert (folder / "progress.jsonl").read_text() == before


def test_second_run_in_a_folder_is_refused(recipe):
    path = recipe(max_steps=1)
    seq2seq.train(path)
    with pytest.raises(TrainingError, match="already holds a run; add --resume"):
        seq2seq.train(path)


def test_foreign_folder_is_refused(recipe, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match="is not empty, or choose another output"):
        seq2seq.train(recipe())


def test_resume_with_another_recipe_is_refused_and_the_options_named(recipe):
    path = recipe(max_steps=1)
    seq2seq.train(path)
    with pytest.raises(TrainingError, match=r"training\.learning_rate: the run has 0\.001, the recipe now says 0\.1"):
        seq2seq.train(path, ["training.learning_rate=0.1"], resume=True)


def test_resumed_run_may_be_spread_otherwise(recipe, capsys):
    path = recipe(max_steps=1)
    seq2seq.train(path)
    seq2seq.train(path, ["training.sharding=fsdp"], resume=True)
    assert "is finished" in capsys.readouterr().err


def test_resume_before_the_first_checkpoint_begins_again(recipe, tmp_path, capsys):
    path = recipe(data={"test": write_pairs(tmp_path / "test.jsonl", 3)}, max_steps=1)
    folder = seq2seq.train(path)
    expected = hash_weights(folder, 1)
    shutil.rmtree(folder / "checkpoints")
    seq2seq.train(path, resume=True)
    assert "has no checkpoint yet: beginning again" in capsys.readouterr().err
    assert hash_weights(folder, 1) == expected


def test_resume_without_a_whole_checkpoint_is_refused(recipe):
    path = recipe(max_steps=1)
    folder = seq2seq.train(path)
    (folder / "checkpoints/step_00000001/config.json").write_text("{}")
    with pytest.raises(TrainingError, match="has no whole checkpoint to go on from"):
        seq2seq.train(path, resume=True)


def test_damaged_newest_checkpoint_is_passed_over(recipe, capsys):
    path = recipe(checkpoint_every_steps=2)
    folder = seq2seq.train(path)
    expected = hash_weights(folder, 6)
    (folder / "checkpoints/step_00000006/model.safetensors").write_bytes(b"")
    seq2seq.train(path, resume=True)
    error = capsys.readouterr().err
    assert "Passed over" in error
    assert "Going on from step 4" in error
    assert hash_weights(folder, 6) == expected


def test_good_checkpoints_outlive_damaged_newer_ones(recipe, tmp_path, monkeypatch):
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 4, start=100)}
    path = recipe(data=data, checkpoint_every_steps=1, keep_checkpoints=4, validate_every_steps=6)
    folder = seq2seq.train(path)
    for step in (4, 5, 6):
        (folder / f"checkpoints/step_{step:08d}/model.safetensors").write_bytes(b"")

    def crash(self, event, append=RunFolder.append_progress):
        append(self, event)
        if event["event"] == "checkpoint":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunFolder, "append_progress", crash)
        seq2seq.train(path, resume=True)
    assert list_steps(folder) == [3, 4]
    assert sorted(path.name for path in folder.glob("checkpoints/*.broken")) == [
        "step_00000004.broken", "step_00000005.broken", "step_00000006.broken",
    ]  # fmt: skip
    assert load_best(folder) is None  # the best was step 6, whose weights are lost
    assert seq2seq.load_checkpoint(folder).folder.name == "step_00000004"


def test_resume_on_changed_data_is_refused(recipe, tmp_path):
    path = recipe(checkpoint_every_steps=2)
    seq2seq.train(path)
    write_pairs(tmp_path / "train.jsonl", 39)
    with pytest.raises(TrainingError, match=r"data\.train is not the data that the run in .* began with"):
        seq2seq.train(path, resume=True)


def test_scores_of_a_lost_ending_go_with_it(recipe, tmp_path, monkeypatch):
    path = recipe(data={"test": write_pairs(tmp_path / "test.jsonl", 3)}, checkpoint_every_steps=3)
    folder = seq2seq.train(path)
    (folder / "checkpoints/step_00000006/model.safetensors").write_bytes(b"")

    def crash(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("seq2seq.runs.outputs.generate_in_processes", crash)
        seq2seq.train(path, resume=True)
    assert not (folder / "scores.json").exists()
    seq2seq.train(path, resume=True)
    assert (folder / "scores.json").exists()


def test_damaged_best_checkpoint_loses_its_title(recipe, tmp_path, capsys, monkeypatch):
    data = {name: write_pairs(tmp_path / f"{name}.jsonl", 4, start=100) for name in ("validation", "test")}
    losses = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr("seq2seq.runs.validation.compute_validation_loss", lambda *arguments: next(losses))
    settings = {"validate_every_steps": 2, "checkpoint_every_steps": 2}
    path = recipe(data=data, **settings)
    folder = seq2seq.train(path)
    assert load_best(folder)["step"] == 2
    for step in (2, 6):
        (folder / f"checkpoints/step_{step:08d}/model.safetensors").write_bytes(b"")
    losses = iter([3.0])
    seq2seq.train(path, resume=True)
    assert "The best checkpoint is lost" in capsys.readouterr().err
    assert load_best(folder) == {"step": 6, "metric": "loss", "value": 3.0}


def test_warmup_longer_than_the_epochs_is_refused(recipe, tmp_path):
    with pytest.raises(RecipeError, match=r"with 5 steps in 1 epochs, the peak rate would never be used \(found: 5\)"):
        seq2seq.train(recipe(max_steps=None, max_epochs=1, warmup_steps=5))
    assert not (tmp_path / "run").exists()


def test_infinite_validation_stops_the_run(recipe, tmp_path, monkeypatch):
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 4, start=100)}
    monkeypatch.setattr("seq2seq.runs.validation.compute_validation_loss", lambda *arguments: float("inf"))
    with pytest.raises(TrainingError, match=r"Validation at step 6: \{'loss': inf, "):
        seq2seq.train(recipe(data=data))


def test_infinite_loss_stops_the_run_before_the_update(recipe, tmp_path, monkeypatch):
    def break_weights_and_train(self, train=Trainer.train):
        """A file of broken weights would be refused; a machine may break them later."""
        for side in ("encoder", "decoder.bert"):
            self.model.get_parameter(f"{side}.encoder.layer.0.output.dense.bias").data[0] = float("nan")
        return train(self)

    monkeypatch.setattr(Trainer, "train", break_weights_and_train)
    with pytest.raises(
        TrainingError,
        match=r"Step 1: the loss is nan .*, not finite; they changed no weight. 2 weights are not finite themselves, "
        r"the first encoder\.encoder\.layer\.0\.output\.dense\.bias\. Resuming would repeat it",
    ):
        seq2seq.train(recipe(max_skipped_steps=0))
    assert read_events(tmp_path / "run", "end")[0]["reason"] == "not_finite"


def test_newest_checkpoints_and_the_best_are_kept(recipe, tmp_path, monkeypatch):
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 4, start=100)}
    losses = iter([3.0, 1.0, 2.0, 2.5, 2.6, 2.7])
    monkeypatch.setattr("seq2seq.runs.validation.compute_validation_loss", lambda *arguments: next(losses))
    folder = seq2seq.train(recipe(data=data, validate_every_steps=1, checkpoint_every_steps=1, keep_checkpoints=2))
    assert list_steps(folder) == [2, 5, 6]
    assert load_best(folder) == {"step": 2, "metric": "loss", "value": 1.0}


def test_best_checkpoint_of_a_score_is_the_highest(recipe, tmp_path, monkeypatch):
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 4, start=100)}
    outputs = iter(
        [["x"] * 4, [json.loads(line)["target"] for line in (tmp_path / "validation.jsonl").open()], ["y"] * 4]
    )
    monkeypatch.setattr("seq2seq.runs.outputs.generate_in_processes", lambda *arguments: as_generated(next(outputs)))
    settings = {"max_steps": 3, "validate_every_steps": 1, "validation_metrics": ["exact_match", "loss"]}
    folder = seq2seq.train(recipe(data=data, **settings))
    assert load_best(folder) == {"step": 2, "metric": "exact_match", "value": 100.0}
    assert [row["exact_match"] for row in read_events(folder, "validation")] == [0.0, 100.0, 0.0]


def test_validation_loss_is_the_mean_over_target_tokens(recipe, tiny_bert, tmp_path):
    # The rate is so small that the weights after one step are still those of the warm start.
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 11, start=100)}
    folder = seq2seq.train(recipe(data=data, max_steps=1, learning_rate=1e-12, micro_batch_tokens=50))
    expected, _ = compute_expected_step(tiny_bert, tmp_path / "validation.jsonl")
    assert read_events(folder, "validation")[0]["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("gain", "warned"), [(0.0099, True), (0.0101, False)])
def test_run_that_does_not_read_its_sources_says_so(recipe, tmp_path, monkeypatch, capsys, gain, warned):
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 4, start=100)}
    monkeypatch.setattr("seq2seq.runs.validation.compute_source_gain", lambda *arguments: gain)
    folder = seq2seq.train(recipe(data=data, max_steps=1))
    assert [row["source_gain"] for row in read_events(folder, "validation")] == [gain]
    assert ("The sources are not read (at step 1 the loss is 0.010 nats" in capsys.readouterr().err) is warned


def test_single_validation_pair_has_no_source_gain(recipe, tmp_path):
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 1, start=100)}
    (row,) = read_events(seq2seq.train(recipe(data=data, max_steps=1)), "validation")
    assert "source_gain" not in row


def test_validation_pairs_that_all_have_one_source_have_no_source_gain_and_no_alarm(recipe, tmp_path, capsys):
    rows = [{"source": "the cat sat", "target": target} for target in ("a cat", "a dog ran", "the dog")]
    (tmp_path / "validation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    data = {"validation": str(tmp_path / "validation.jsonl")}
    (row,) = read_events(seq2seq.train(recipe(data=data, max_steps=1)), "validation")
    assert "source_gain" not in row
    assert "sources are not read" not in capsys.readouterr().err


def test_run_folder_holds_what_the_readme_says(recipe, tmp_path, drawn):
    data = {"test": write_pairs(tmp_path / "test.jsonl", 5, start=200)}
    folder = seq2seq.train(recipe(data=data, max_steps=2))
    assert {path.name for path in folder.iterdir()} == {
        "recipe.yaml", "environment.json", "origin.json", "inputs.json", "progress.jsonl", "checkpoints", "predictions",
        "scores.json", "README.md", "pictures", "log.txt",
    }  # fmt: skip
    scores = json.loads((folder / "scores.json").read_text())
    assert list(scores["rows"]) == [
        "bert2bert", "copy of the source", "first sentence of the source", "first 4 words of the source",
        "references through the target tokenizer",
    ]  # fmt: skip
    assert scores["intervals"]["references through the target tokenizer"]["exact_match"] == [100.0, 100.0]
    assert scores["bootstrap"] == {"resamples": 1000, "level": 0.95, "seed": 1}
    # Targets have 2 to 7 words in turn, 40 of them: 4.4 in the mean, and the checkpoint knows it.
    description = json.loads((folder / "checkpoints/step_00000002/seq2seq.json").read_text())
    assert description["evaluation"]["first_words"] == 4
    assert scores["rows"]["references through the target tokenizer"]["exact_match"] == 100.0
    predictions = [json.loads(line) for line in (folder / "predictions/test.jsonl").open()]
    assert [set(row) for row in predictions] == [{"source", "prediction", "references"}] * 5
    assert read_events(folder, "end") == [read_events(folder, "end")[0]]
    assert read_events(folder, "end")[0]["reason"] == "max_steps"


def test_progress_counts_examples_and_tokens(recipe):
    folder = seq2seq.train(recipe(max_steps=5))  # one epoch: 40 pairs in batches of 8
    last = read_events(folder, "train")[-1]
    lengths = [2 + number % 6 for number in range(40)]  # words of a side, each one token
    assert (last["step"], last["examples"]) == (5, 40)
    # A source has two marks besides, a target one.
    assert (last["source_tokens"], last["target_tokens"]) == (sum(lengths) + 80, sum(lengths) + 40)
    assert last["learning_rate"] == pytest.approx(1e-3 / 5)  # linear, no warm-up: the last of five steps


def test_epochs_give_the_number_of_steps(recipe):
    folder = seq2seq.train(recipe(max_steps=None, max_epochs=2, batch_examples=15))
    assert list_steps(folder)[-1] == 6  # 40 pairs in batches of 15 are 3 a pass


def test_token_batches_train(recipe):
    folder = seq2seq.train(recipe(batch_examples=None, batch_tokens=60, max_steps=None, max_epochs=1))
    assert read_events(folder, "train")[-1]["examples"] == 40


def test_bf16_trains_with_float32_weights(recipe):
    folder = seq2seq.train(recipe(precision="bf16", max_steps=2))
    weights = load_file(folder / "checkpoints/step_00000002/model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}


def test_fp16_without_a_gpu_is_refused(recipe):
    with pytest.raises(TrainingError, match=r"training\.precision: fp16 needs a GPU, and torch finds none here"):
        seq2seq.train(recipe(precision="fp16"))


def test_fp16_with_sharding_is_refused(recipe):
    with pytest.raises(RecipeError, match="the loss scaling of fp16 does not know sharded gradients"):
        seq2seq.train(recipe(precision="fp16", sharding="fsdp"))


def test_lengths_beyond_the_checkpoint_are_refused(recipe):
    with pytest.raises(RecipeError, match="A source of 65 tokens was asked for, but the model has 64 positions"):
        seq2seq.train(recipe(data={"max_source_tokens": 65}))


def test_a_limit_that_leaves_nothing_between_the_marks_is_refused(recipe):
    with pytest.raises(RecipeError, match=r"max_source_tokens is 2, and 2 of them are the marks around a source"):
        seq2seq.train(recipe(data={"max_source_tokens": 2}))


def test_broken_data_trains_nothing(recipe, tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"source": "a", "target": "b"}\n{"source": "a"}\n')
    with pytest.raises(DataError, match=r"bad\.jsonl line 2: column 'target' is missing"):
        seq2seq.train(recipe(data={"validation": str(tmp_path / "bad.jsonl")}))
    assert not (tmp_path / "run").exists()


def test_model_learns_to_write_words_backwards(recipe, tmp_path):
    data = {"test": write_pairs(tmp_path / "test.jsonl", 20)}
    settings = {
        "max_steps": 125,
        "learning_rate": 5e-3,
        "warmup_steps": 20,
        "log_every_steps": 50,
        "batch_examples": 20,
    }
    folder = seq2seq.train(recipe(model={"dropout": 0.0}, data=data, **settings))
    scores = json.loads((folder / "scores.json").read_text())["rows"]
    assert scores["bert2bert"]["exact_match"] > 90 > scores["copy of the source"]["exact_match"]

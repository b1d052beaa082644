"""Runs, checkpoints and outputs of earlier versions are gone on with; `old_runs/README.md` says which are kept."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

import seq2seq
from seq2seq.base.errors import TrainingError
from seq2seq.checkpoints.manifest import write_manifest
from seq2seq.recipe.recipe import load_recipe
from seq2seq.run_folder.folder import RunFolder
from seq2seq.text.tokenizers import encode_texts, load_tokenizer
from tests.training.runs import read_events

KEPT = Path(__file__).parent / "old_runs"
NAMES = sorted(path.name for path in KEPT.iterdir() if path.is_dir())
# Other processors round otherwise: by 6e-8 without AVX-512, and without AVX2.
TOLERANCE = 1e-6
# A bias of keys adds the same to all scores of a query: its gradient is rounding alone, which AdamW makes steps of.
ROUNDING_ALONE = "self.key.bias"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The working directory: the recipe and its data."""
    for path in KEPT.glob("*.*"):
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=NAMES)
def old(request, folder) -> Path:
    """A kept run, put where its recipe says."""
    shutil.copytree(KEPT / request.param / "run", folder / "run")
    return KEPT / request.param


def test_old_run_goes_on_to_the_weights_of_one_that_never_stopped(old):
    run = seq2seq.train("recipe.yaml", resume=True)
    expected = load_file(old / "end.safetensors")
    stopped = load_file(old / "run/checkpoints/step_00000004/model.safetensors")
    weights = load_file(run / "checkpoints/step_00000008/model.safetensors")
    assert weights.keys() == expected.keys()
    moved = max((expected[name] - stopped[name]).abs().max().item() for name in expected)
    assert moved > 1e-3  # in four steps at a rate of 1e-3 that falls to zero
    for name, tensor in expected.items():
        if not name.endswith(ROUNDING_ALONE):
            torch.testing.assert_close(weights[name], tensor, rtol=0, atol=TOLERANCE, msg=name)


def test_old_run_ends_with_scores_and_a_card(old):
    run = seq2seq.train("recipe.yaml", resume=True)
    assert [event["step"] for event in read_events(run, "train")] == list(range(1, 9))
    assert json.loads((run / "scores.json").read_text())["examples"] == 4
    assert "ended by max_steps" in (run / "README.md").read_text()


def test_old_checkpoint_writes_text_and_is_reported_on(old):
    assert len(seq2seq.generate("run", ["the cat sat", "a dog ran"])) == 2
    assert seq2seq.report("run").exists()


def test_old_run_goes_on_though_a_default_of_its_task_is_another_one_now(folder):
    """The first runs read bare sources, which no recipe could say; today's recipes put marks around them."""
    shutil.copytree(KEPT / "first/run", folder / "run")
    assert load_recipe("recipe.yaml").model.source_marks
    assert RunFolder(folder / "run").read_recipe()["model"]["source_marks"] is False
    run = seq2seq.train("recipe.yaml", resume=True)
    framing = json.loads((run / "checkpoints/step_00000008/seq2seq.json").read_text())["framing"]
    assert (framing["source_prefix"], framing["source_suffix"]) == ([], [])


def test_old_run_goes_on_splitting_the_special_tokens_that_it_split(folder):
    """Up to November 2026 every special token in a text was plain text; today one without a role is a token there."""
    shutil.copytree(KEPT / "first/run", folder / "run")
    checkpoint = folder / "run/checkpoints/step_00000004"
    layout = json.loads((checkpoint / "tokenizer.json").read_text())
    special = layout["added_tokens"][-1] | {"content": "##ed", "id": layout["model"]["vocab"]["##ed"]}
    layout["added_tokens"].append(special)
    (checkpoint / "tokenizer.json").write_text(json.dumps(layout))
    (checkpoint / "manifest.json").unlink()
    write_manifest(checkpoint)
    split = AutoTokenizer.from_pretrained(checkpoint)("the ##ed")["input_ids"]
    assert special["id"] not in split
    run = seq2seq.train("recipe.yaml", resume=True)
    again = load_tokenizer(run / "checkpoints/step_00000008")
    assert encode_texts(again, ["the ##ed"]) == [split]


def test_old_run_does_not_go_on_with_an_option_that_is_given_otherwise(folder):
    shutil.copytree(KEPT / "first/run", folder / "run")
    with pytest.raises(TrainingError, match="model.source_marks: the run has False, the recipe now says True"):
        seq2seq.train("recipe.yaml", ["model.source_marks=true"], resume=True)


def test_every_key_of_a_recipe_stands_in_the_oldest_run_or_has_an_old_value():
    """Whoever adds a key says, in run_folder/old_runs.py, what was done before there was one."""
    oldest = RunFolder(KEPT / "first/run").read_recipe()
    today = load_recipe(KEPT / "recipe.yaml").model_dump(mode="json")
    lacking = [
        f"{section}.{name}"
        for section, options in today.items()
        if isinstance(options, dict)
        for name in options
        if name not in oldest[section]
    ]
    assert lacking == []

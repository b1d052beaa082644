"""`push` into a hub in memory: what arrives there loads as the folder does, in plain transformers and here."""

import json
import shutil

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoTokenizer, EncoderDecoderModel

import seq2seq
from seq2seq.base.errors import CheckpointError, HubError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.run_folder.record import load_run_record
from seq2seq.run_folder.steps import record_best, step_folder
from seq2seq.verbs import push as verb
from tests.conftest import build_description, shake
from tests.reports.made_up_run import RECIPE, SCORES, write_run

SAID = {"license": "mit", "language": "de", "datasets": "none"}
FILES = {
    "README.md", "config.json", "generation_config.json", "manifest.json", "model.safetensors", "seq2seq.json",
    "tokenizer.json", "tokenizer_config.json",
}  # fmt: skip


@pytest.fixture
def run(started, tmp_path):
    """The made-up run with checkpoints of steps 2 and 4, of which the latter earned the scores."""
    run = tmp_path / "runs/mine"
    write_run(run, scores=SCORES, recipe={"evaluation": {"normalization": []}})
    shake(started.model)
    for step in (2, 4):
        write_checkpoint(step_folder(run, step), started.model, started.tokenizers, build_description(started))
        (step_folder(run, step) / "training").mkdir()
        (step_folder(run, step) / "training/optimizer.pt").write_bytes(b"pickle")
    (run / "pictures").mkdir()
    (run / "pictures/curves.png").write_bytes(b"png")
    (run / "log.txt").write_text("a b. c d.")
    return run


def list_files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_dry_run_says_what_would_go_and_asks_nobody(run, hub):
    pushed = seq2seq.push(run, "me/mine", **SAID, dry_run=True)
    assert set(pushed.files) == FILES | {"pictures/curves.png"}
    assert pushed.files["model.safetensors"] == (step_folder(run, 4) / "model.safetensors").stat().st_size
    assert pushed.left_out == ["training/"]
    assert pushed.folder == step_folder(run, 4)
    assert pushed.address is None
    assert hub.calls == []
    assert pushed.files["README.md"] == len(pushed.card.encode())


def test_files_of_the_run_are_read_once(run, hub, monkeypatch):
    read = []
    monkeypatch.setattr(verb, "load_run_record", lambda folder: read.append(folder) or load_run_record(folder))
    seq2seq.push(run, "me/mine", **SAID, dry_run=True)
    assert [folder.path for folder in read] == [run]


def test_what_is_uploaded_is_what_a_dry_run_shows(run, hub):
    shown = seq2seq.push(run, "me/mine", **SAID, dry_run=True)
    pushed = seq2seq.push(run, "me/mine", **SAID)
    assert pushed.address == "https://huggingface.co/me/mine"
    assert (pushed.files, pushed.card) == (shown.files, shown.card)
    assert list_files(hub.folder) == set(shown.files)
    assert (hub.folder / "README.md").read_text() == shown.card
    assert hub.calls[-1][1]["commit_message"] == "Checkpoint of step 0"  # as the made-up description says


def test_uploaded_folder_loads_in_plain_transformers_and_writes_the_same(run, hub):
    seq2seq.push(run, "mine", **SAID)
    written = []
    for folder in (step_folder(run, 4), hub.folder):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = EncoderDecoderModel.from_pretrained(folder).eval()
        inputs = tokenizer(["the cat sat on the mat"], return_tensors="pt")
        written.append(model.generate(**inputs))
    assert torch.equal(*written)
    assert seq2seq.generate(hub.folder, ["the cat sat"]) == seq2seq.generate(run, ["the cat sat"])


def test_uploaded_folder_is_whole_to_us_also_after_the_card_was_changed_there(run, hub):
    seq2seq.push(run, "mine", **SAID)
    (hub.folder / "README.md").write_text("changed")
    shutil.rmtree(hub.folder / "pictures")
    seq2seq.load_checkpoint(hub.folder)
    (hub.folder / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="config.json is not what was written"):
        seq2seq.load_checkpoint(hub.folder)


def test_no_text_of_the_data_goes_unless_it_is_asked_for(run, hub):
    card = seq2seq.push(run, "me/mine", **SAID, dry_run=True).card
    texts = [row["source"] for row in map(json.loads, (run / "predictions/test.jsonl").read_text().splitlines())]
    assert not any(text in card for text in texts)
    with_samples = seq2seq.push(run, "me/mine", **SAID, samples=True, dry_run=True).card
    assert all(text in with_samples for text in texts)


def test_best_checkpoint_goes_and_scores_of_another_do_not_go_with_it(run, hub):
    assert ModelCard(seq2seq.push(run, "me/mine", **SAID, dry_run=True).card).data.eval_results
    record_best(run, step=2, metric="loss", value=1.0)
    pushed = seq2seq.push(run, "me/mine", **SAID, samples=True, dry_run=True)
    assert pushed.folder == step_folder(run, 2)
    assert ModelCard(pushed.card).data.eval_results is None
    assert "**Best**" not in pushed.card


def test_checkpoint_outside_a_run_has_a_card_of_its_own(run, hub, tmp_path):
    shutil.copytree(step_folder(run, 4), tmp_path / "average")
    pushed = seq2seq.push(tmp_path / "average", "me/mine", **SAID, dry_run=True)
    assert set(pushed.files) == FILES
    data = ModelCard(pushed.card).data
    assert (data.license, data.language, data.datasets) == ("mit", ["de"], None)
    assert "EncoderDecoderModel" in pushed.card


def test_data_sets_and_languages_are_those_of_the_recipe(run, hub):
    data = ModelCard(seq2seq.push(run, "me/mine", license="mit", language="de", dry_run=True).card).data
    assert data.datasets == ["some/pairs"]
    recipe = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(recipe.replace("evaluation:", "evaluation:\n  language: German"))
    data = ModelCard(seq2seq.push(run, "me/mine", license="mit", dry_run=True).card).data
    assert data.language == ["de"]


def test_languages_of_a_translation_are_those_of_its_marks(run, hub):
    recipe = (run / "recipe.yaml").read_text()
    marked = recipe.replace("model:", "model:\n  source_language: en_XX\n  target_language: deu_Latn")
    (run / "recipe.yaml").write_text(marked)
    data = ModelCard(seq2seq.push(run, "me/mine", license="mit", dry_run=True).card).data
    assert data.language == ["en", "deu"]


def test_what_nobody_knows_has_to_be_given_all_at_once(run, hub):
    recipe = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(recipe.replace(RECIPE["data"]["train"][0], "mine.jsonl"))
    lines = r"license \(--license\): .*\n  language \(--language\): .*\n  datasets \(--datasets\): "
    with pytest.raises(HubError, match=f"Give:\n  {lines}"):
        seq2seq.push(run, "me/mine")
    with pytest.raises(HubError, match=r"Give:\n  datasets \(--datasets\)"):
        seq2seq.push(run, "me/mine", license="mit", language="de", dry_run=True)
    assert hub.calls == []


def test_folder_that_the_recipe_reads_as_the_hubs_is_no_data_set_there(run, hub, monkeypatch):
    (run / "some/pairs").mkdir(parents=True)
    monkeypatch.chdir(run)
    with pytest.raises(HubError, match=r"Give:\n  datasets"):
        seq2seq.push(run, "me/mine", license="mit", language="de", dry_run=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"license": "MIT"}, "license: .*did you mean mit"),
        ({"language": "xx"}, "language: expected codes of ISO 639"),
        ({"datasets": ["a b"]}, "^datasets: .*Give NAMESPACE/NAME"),
        ({"datasets": ["none", "a/b"]}, r"^datasets: none stands alone \(found: none, a/b\)"),
        ({"license": "other"}, "^license: other needs a license_name"),
        ({"license_name": "mine"}, "license_name and license_link are of licenses that the hub does not name"),
        ({"revision": "a b"}, "^revision: a branch has letters"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_asked(run, hub, given, message):
    with pytest.raises(HubError, match=message):
        seq2seq.push(run, "me/mine", **(SAID | given))
    assert hub.calls == []


def test_name_of_the_hub_is_no_folder_to_push(hub):
    with pytest.raises(HubError, match="some/model is no folder here. Give a run or a checkpoint"):
        seq2seq.push("some/model", "me/mine", **SAID)


def test_damaged_checkpoint_is_refused_before_anything_is_asked(run, hub):
    with (step_folder(run, 4) / "model.safetensors").open("ab") as file:
        file.write(b"0")
    with pytest.raises(CheckpointError, match="model.safetensors is not what was written"):
        seq2seq.push(run, "me/mine", **SAID)
    assert hub.calls == []


def test_repository_with_another_model_is_refused_and_nothing_is_made(run, hub):
    hub.held = {"main": [".gitattributes", "pytorch_model.bin"]}
    with pytest.raises(HubError, match=r"me/mine is there already and holds something else \(pytorch_model.bin\)"):
        seq2seq.push(run, "me/mine", **SAID)
    assert [call for call, _ in hub.calls] == ["whoami", "repo_info"]


def test_second_upload_takes_the_place_of_the_first(run, hub):
    seq2seq.push(run, "me/mine", **SAID)
    hub.held["main"] += ["target_tokenizer/tokenizer.json", "notes.md"]
    shutil.rmtree(hub.folder)
    (run / "pictures/curves.png").unlink()
    seq2seq.push(run, "me/mine", **SAID, message="Better")
    assert set(hub.held["main"]) == FILES | {".gitattributes", "notes.md"}
    assert hub.calls[-1][1]["commit_message"] == "Better"


def test_branch_and_privacy_reach_the_hub(run, hub):
    pushed = seq2seq.push(run, "mine", **SAID, private=True, revision="v2")
    assert pushed.name == "me/mine"
    assert hub.is_private
    assert hub.held["main"] == [".gitattributes"]
    assert FILES <= set(hub.held["v2"])
    assert 'snapshot_download("me/mine", revision="v2")' in pushed.card

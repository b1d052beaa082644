"""Starts and checkpoints that Python users save, and their models alone, which plain transformers reads alike."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi
from safetensors.torch import load_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedModel

import seq2seq
from seq2seq.base.errors import CheckpointError
from seq2seq.checkpoints import folder as folder_module
from seq2seq.checkpoints.folder import read_checkpoint
from seq2seq.modeling.head_removal import remove_heads
from seq2seq.modeling.sharing import map_shared_names
from seq2seq.text.tokenizer_files import TARGET_FOLDER
from seq2seq.warmstart.start import WarmStart
from tests.conftest import shake
from tests.families import save_family
from tests.published import ENGLISH, FAMILIES, draw_sentences, save_published

TEXTS = ["the cat sat on the mat.", "a dog, and a bird!", "the un##ed sea", "fish swam"]
SOURCES = draw_sentences(ENGLISH, 8, 3)
IDS = {"input_ids": torch.tensor([[2, 8, 9, 3]]), "decoder_input_ids": torch.tensor([[2, 10, 11]])}
PLANS = ("bert2bert", "bertshare", "rnd2bert", "bert2gpt")


@pytest.fixture(scope="module", params=PLANS)
def started(request, tiny_bert, tmp_path_factory) -> WarmStart:
    decoder = {}
    if request.param == "bert2gpt":
        decoder["decoder"] = str(save_family(tmp_path_factory.mktemp("gpt2"), "gpt2"))
    started = seq2seq.warm_start(plan=request.param, encoder=str(tiny_bert), **decoder)
    shake(started.model)
    return started


@pytest.fixture(scope="module", params=FAMILIES)
def published(request, tmp_path_factory) -> Path:
    return save_published(tmp_path_factory.mktemp(request.param), request.param)


def load_plainly(folder: Path) -> PreTrainedModel:
    """With every weight from the file, or transformers says so."""
    model, report = AutoModelForSeq2SeqLM.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values())
    return model.eval()


def write_plainly(folder: Path, texts: list[str]) -> list[str]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = load_plainly(folder).generate(**tokenizer(texts, return_tensors="pt", padding=True))
    target = AutoTokenizer.from_pretrained(folder / TARGET_FOLDER) if (folder / TARGET_FOLDER).exists() else tokenizer
    return [text.strip() for text in target.batch_decode(ids, skip_special_tokens=True)]


def read_architectures(folder: Path) -> list[str]:
    return json.loads((folder / "config.json").read_text())["architectures"]


# The whole: model, tokenizers, description.


def test_saved_start_writes_the_same_here_and_in_plain_transformers(started, tmp_path):
    started.save(tmp_path / "start")
    texts = seq2seq.generate(tmp_path / "start", TEXTS)
    assert texts == write_plainly(tmp_path / "start", TEXTS)
    assert len(set(texts)) > 1


def test_saved_start_is_trained_on(started, tmp_path):
    started.save(str(tmp_path / "start"))
    again = seq2seq.warm_start(plan="pretrained", checkpoint=str(tmp_path / "start"))
    assert again.framing == started.framing
    assert map_shared_names(again.model) == map_shared_names(started.model)
    assert torch.equal(again.model(**IDS).logits, started.model(**IDS).logits)


def test_saved_checkpoint_is_the_one_that_was_loaded(started, tmp_path):
    started.save(tmp_path / "start")
    loaded = seq2seq.load_checkpoint(tmp_path / "start")
    loaded.save(tmp_path / "copy")
    assert (
        load_file(tmp_path / "copy/model.safetensors").keys() == load_file(tmp_path / "start/model.safetensors").keys()
    )
    assert read_checkpoint(tmp_path / "copy").description == loaded.description
    assert seq2seq.generate(tmp_path / "copy", TEXTS) == seq2seq.generate(tmp_path / "start", TEXTS)


def test_saved_checkpoint_has_what_was_changed_since(started, tmp_path):
    started.save(tmp_path / "start")
    loaded = seq2seq.load_checkpoint(tmp_path / "start")
    shake(loaded.model, seed=1)
    loaded.save(tmp_path / "changed")
    assert torch.equal(load_plainly(tmp_path / "changed")(**IDS).logits, loaded.model(**IDS).logits)


def test_published_checkpoint_is_saved_with_its_own_options(published, tmp_path):
    seq2seq.load_checkpoint(published).save(tmp_path / "copy")
    texts = seq2seq.generate(published, SOURCES)
    assert seq2seq.generate(tmp_path / "copy", SOURCES) == texts == write_plainly(tmp_path / "copy", SOURCES)


def test_pruned_checkpoint_is_saved_pruned(tiny_bert, tmp_path):
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    remove_heads(started.model, {"encoder.encoder.layer.0.attention": [0, 2]})
    started.save(tmp_path / "pruned")
    assert read_checkpoint(tmp_path / "pruned").model.pruned == started.model.pruned


def test_nothing_is_overwritten(started, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    with pytest.raises(CheckpointError, match="mine exists already. Choose a new folder"):
        started.save(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


def test_full_disk_is_told(started, tmp_path, monkeypatch):
    def crash(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "sync_folder", crash)
    with pytest.raises(CheckpointError, match=r"start cannot be written \(No space left on device\)"):
        started.save(tmp_path / "start")


# The model alone.


def test_saved_model_of_a_pair_is_that_of_plain_transformers(started, tmp_path):
    started.model.save_pretrained(tmp_path)
    assert read_architectures(tmp_path) == ["EncoderDecoderModel"]
    assert torch.equal(load_plainly(tmp_path)(**IDS).logits, started.model(**IDS).logits)


def test_saved_model_of_a_published_encoder_decoder_is_that_of_plain_transformers(published, tmp_path):
    model = seq2seq.load_checkpoint(published).model
    model.save_pretrained(tmp_path)
    assert read_architectures(tmp_path) == read_architectures(published)
    assert torch.equal(load_plainly(tmp_path)(**IDS).logits, model(**IDS).logits)


def test_saved_model_has_what_a_checkpoint_has(started, tmp_path):
    started.model.save_pretrained(tmp_path / "model")
    started.save(tmp_path / "start")
    alone, whole = (load_file(tmp_path / name / "model.safetensors") for name in ("model", "start"))
    assert alone.keys() == whole.keys()
    assert all(torch.equal(alone[name], whole[name]) for name in whole)


def test_saved_model_and_tokenizers_are_read_with_the_marks_and_sharing_of_the_start(started, tmp_path):
    started.model.save_pretrained(tmp_path)
    started.tokenizers.source.save_pretrained(tmp_path)
    if started.tokenizers.target is not started.tokenizers.source:
        started.tokenizers.target.save_pretrained(tmp_path / TARGET_FOLDER)
    loaded = read_checkpoint(tmp_path)
    assert loaded.framing == started.framing
    assert map_shared_names(loaded.model) == map_shared_names(started.model)


def test_saving_a_model_leaves_it_as_it_is(started, tmp_path):
    before = started.model.config.to_dict()
    started.model.save_pretrained(tmp_path)
    assert started.model.config.to_dict() == before


def test_options_of_save_pretrained_go_through(started, tmp_path):
    started.model.save_pretrained(tmp_path, max_shard_size="50KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert torch.equal(load_plainly(tmp_path)(**IDS).logits, started.model(**IDS).logits)


def test_given_state_is_saved_in_place_of_the_models_own(started, tmp_path):
    state = {name: torch.zeros_like(tensor) for name, tensor in started.model.state_dict().items()}
    started.model.save_pretrained(tmp_path, state_dict=state)
    assert not any(tensor.any() for tensor in load_file(tmp_path / "model.safetensors").values())


def test_half_precision_stays_half(tiny_bert, tmp_path):
    model = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert)).model.half()
    model.save_pretrained(tmp_path)
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {torch.float16}


def test_model_that_has_lost_heads_is_refused(tiny_bert, tmp_path):
    model = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert)).model
    remove_heads(model, {"encoder.encoder.layer.0.attention": [0, 2]})
    with pytest.raises(
        CheckpointError, match="has lost heads at 1 attention sites, and transformers cannot load it so"
    ):
        model.save_pretrained(tmp_path / "pruned")
    assert not (tmp_path / "pruned").exists()


def test_pushed_model_is_the_saved_one(started, monkeypatch):
    pushed = {}

    def upload(self, folder, *arguments, **options):
        pushed.update({path.name: path.read_bytes() for path in Path(folder).iterdir()})

    monkeypatch.setattr(PreTrainedModel, "_upload_modified_files", upload)
    monkeypatch.setattr(HfApi, "create_repo", lambda self, name, **options: type("Repo", (), {"repo_id": name}))
    started.model.push_to_hub("me/mine")
    assert {"config.json", "generation_config.json", "model.safetensors"} <= pushed.keys()
    assert json.loads(pushed["config.json"])["architectures"] == ["EncoderDecoderModel"]

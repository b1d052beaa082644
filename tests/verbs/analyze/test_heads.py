"""`seq2seq analyze heads`: a file, a table and a picture, from the command line and from Python."""

import json

import pytest
import torch
from PIL import Image

import seq2seq
from seq2seq.analysis.importance import compute_importance
from seq2seq.base.errors import AnalysisError, DataError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.sources.padding import pad_rows, pad_sources
from seq2seq.text.tokenizers import encode_texts
from tests.cli.conftest import seq2seq as command  # noqa: F401 - a fixture
from tests.conftest import build_description, shake

PAIRS = [("the cat sat", "a cat"), ("a dog ran on the road", "a dog ran ."), ("fish", "the fish swam")]


@pytest.fixture
def checkpoint(started, tmp_path):
    shake(started.model, 0.2)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started))
    return tmp_path / "ckpt"


@pytest.fixture
def data(tmp_path):
    rows = [json.dumps({"source": source, "target": target}) for source, target in PAIRS]
    (tmp_path / "data.jsonl").write_text("\n".join(rows))
    return str(tmp_path / "data.jsonl")


def test_importance_of_the_file_is_that_of_its_pairs(checkpoint, data, started, tmp_path):
    analysis = seq2seq.analyze_heads(checkpoint, [data], output=tmp_path / "out", batch_tokens=1)
    sources, targets = (encode_texts(started.tokenizers.source, texts) for texts in zip(*PAIRS, strict=True))
    input_ids, mask = pad_sources([[2, *ids, 3] for ids in sources], 0)  # [CLS] and [SEP]
    labels = pad_rows([[*ids, 3] for ids in targets], -100)
    expected = compute_importance(started.model, [{"input_ids": input_ids, "attention_mask": mask, "labels": labels}])
    assert [site["name"] for site in analysis["sites"]] == list(expected)
    for site in analysis["sites"]:
        assert site["importance"] == pytest.approx(expected[site["name"]].tolist(), rel=1e-4)
    assert (analysis["pairs"], analysis["target_tokens"]) == (3, sum(map(len, targets)) + 3)
    assert json.loads((tmp_path / "out/heads.json").read_text()) == analysis


def test_normalized_layers_have_length_one(checkpoint, data, tmp_path):
    analysis = seq2seq.analyze_heads(checkpoint, [data], output=tmp_path / "out", normalized=True)
    assert analysis["normalized"] is True
    for site in analysis["sites"]:
        assert torch.tensor(site["importance"]).norm().item() == pytest.approx(1, rel=1e-5)


def test_command_prints_a_row_for_each_layer_and_draws_maps(command, checkpoint, data, tmp_path, drawn):  # noqa: F811
    code, out, err = command("analyze", "heads", checkpoint, "--data", data, "--output", tmp_path / "out")
    assert code == 0
    assert all(f"{kind} {layer}" in out for kind in ("encoder", "decoder", "cross") for layer in (0, 1))
    assert f"Written: {tmp_path / 'out/heads.json'}, {tmp_path / 'out/heads.png'}" in err
    assert Image.open(tmp_path / "out/heads.png").size[0] > 400


def test_missing_data_are_named(command, checkpoint, tmp_path):  # noqa: F811
    code, _, err = command(
        "analyze", "heads", checkpoint, "--data", tmp_path / "gone.jsonl", "--output", tmp_path / "o"
    )
    assert code == 1
    assert "gone.jsonl: there is no such file" in err


def test_pair_without_a_token_is_named(checkpoint, tmp_path):
    (tmp_path / "data.jsonl").write_text('{"source": "a", "target": "\\u200b"}')
    with pytest.raises(DataError, match=r"line 1: the target has no token"):
        seq2seq.analyze_heads(checkpoint, [str(tmp_path / "data.jsonl")], output=tmp_path / "out")


def test_model_whose_attention_is_not_known_is_refused(checkpoint, data, tmp_path, monkeypatch):
    def refuse(model):
        raise ValueError("where a new-one keeps its encoder attention is not known")

    monkeypatch.setattr("seq2seq.verbs.analyze.heads.list_sites", refuse)
    with pytest.raises(AnalysisError, match="ckpt: where a new-one keeps its encoder attention is not known"):
        seq2seq.analyze_heads(checkpoint, [data], output=tmp_path / "out")

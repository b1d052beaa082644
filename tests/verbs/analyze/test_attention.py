"""`seq2seq analyze attention`: files, pictures and the page hold what the model attended to."""

import base64
import json
import re
from dataclasses import replace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import seq2seq
from seq2seq import load_checkpoint
from seq2seq.analysis.attention import compute_attention
from seq2seq.base.errors import AnalysisError, GenerationError
from seq2seq.checkpoints.folder import write_checkpoint
from tests.cli.conftest import seq2seq as command  # noqa: F401 - a fixture
from tests.conftest import build_description, shake


@pytest.fixture
def checkpoint(started, tmp_path):
    shake(started.model, 0.2)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, num_beams=1))
    return tmp_path / "ckpt"


def test_files_hold_the_attention_of_given_pairs(checkpoint, started, tmp_path):
    out = tmp_path / "out"
    analysis = seq2seq.analyze_attention(checkpoint, ["the cat.", "fish"], ["a dog", "the sea"], output=out)
    assert json.loads((out / "attention.json").read_text()) == analysis
    assert analysis["targets"] == "given"
    tensors = load_file(out / "attention.safetensors")
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items() if name.startswith("1.")}
    assert analysis["pairs"][0] == {
        "source": "the cat.", "target": "a dog",
        "source_tokens": ["[CLS]", "the", "cat", ".", "[SEP]"], "target_tokens": ["[CLS]", "a", "dog"],
        "tensors": shapes, "pictures": "pair_1",
    }  # fmt: skip
    assert shapes["1.cross"] == [2, 4, 3, 5] and len(shapes) == 5
    ids = [
        started.tokenizers.source.convert_tokens_to_ids(analysis["pairs"][0][f"{side}_tokens"])
        for side in ("source", "target")
    ]
    expected = compute_attention(started.model, *ids)
    for kind, weights in expected.weights.items():
        assert torch.allclose(tensors[f"1.{kind}"], weights, atol=1e-6)
    assert torch.allclose(tensors["1.decoder_states"], expected.states["decoder"], atol=1e-5)
    assert tensors["2.cross"].shape == (2, 4, 3, 3)  # [CLS] the sea to [CLS] fish [SEP]


def test_statistics_are_means_over_the_pairs(checkpoint, tmp_path):
    pairs = [("the cat.", "a dog"), ("fish", "the sea")]
    both = seq2seq.analyze_attention(checkpoint, *zip(*pairs, strict=True), output=tmp_path / "both", pictures=False)
    alone = [
        seq2seq.analyze_attention(checkpoint, [source], [target], output=tmp_path / source[:4], pictures=False)
        for source, target in pairs
    ]
    assert set(both["statistics"]) == {"encoder", "decoder", "cross"}
    for kind, statistics in both["statistics"].items():
        assert set(statistics) == {"entropy", "confidence", "distance", "special", "punctuation"}
        for name, values in statistics.items():
            expected = sum(torch.tensor(part["statistics"][kind][name]) for part in alone) / 2
            assert torch.allclose(torch.tensor(values), expected, atol=1e-6)
    special = torch.tensor(alone[1]["statistics"]["decoder"]["special"])
    assert (special > 0).all() and (special < 1).all()  # the begin mark, among others
    assert not any(any(row) for row in alone[1]["statistics"]["encoder"]["punctuation"])
    assert all(all(row) for row in alone[0]["statistics"]["encoder"]["punctuation"])


def test_targets_left_out_are_what_the_model_writes(checkpoint, tmp_path):
    expected = seq2seq.generate(checkpoint, ["the cat"], max_target_tokens=5)
    analysis = seq2seq.analyze_attention(checkpoint, ["the cat"], output=tmp_path, max_target_tokens=5, pictures=False)
    assert (analysis["targets"], analysis["generation"]["max_target_tokens"]) == ("written by the model", 5)
    assert [pair["target"] for pair in analysis["pairs"]] == expected


def test_what_the_model_writes_is_looked_at_token_by_token(checkpoint, started, tmp_path):
    # As many tokens as targets of the training had, no end mark, and pieces that another cut would join.
    generator = seq2seq.load_generator(checkpoint, max_target_tokens=32)
    [source] = generator.encode_sources(["the cat"])
    framed, _ = generator.framing.frame_source(source, 32)
    [[written]] = generator.engine.generate([framed], generator.options)
    assert not written.is_ended and len(written.ids) == 32
    analysis = seq2seq.analyze_attention(checkpoint, ["the cat"], output=tmp_path, max_target_tokens=32, pictures=False)
    names = started.tokenizers.target.convert_ids_to_tokens(written.ids)
    assert analysis["pairs"][0]["target_tokens"] == ["[CLS]", *names[:-1]]
    assert load_file(tmp_path / "attention.safetensors")["1.decoder"].shape[-1] == 32


def test_given_texts_go_through_the_normalization_of_the_training(started, tmp_path):
    layout = {"normalization": ["lowercase"]}
    started.tokenizers.target.backend_tokenizer.normalizer = None
    description = replace(build_description(started), layout=layout)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, description)
    analysis = seq2seq.analyze_attention(
        tmp_path / "ckpt", ["The CAT"], ["A Dog"], output=tmp_path / "out", pictures=False
    )
    assert analysis["pairs"][0]["source_tokens"][1:-1] == ["the", "cat"]
    assert analysis["pairs"][0]["target_tokens"][1:] == ["a", "dog"]


def test_ids_that_the_tokenizer_does_not_have_are_looked_at(checkpoint, tmp_path):
    """Of a model with more rows than tokens, which writes such an id once in a while."""
    loaded = load_checkpoint(checkpoint)
    beyond = len(loaded.tokenizers.target) + 3
    loaded.model.decoder.resize_token_embeddings(beyond + 1)
    loaded.model.encoder.resize_token_embeddings(beyond + 1)
    with torch.no_grad():
        loaded.model.decoder.get_output_embeddings().bias[beyond] = 1e3
    analysis = seq2seq.analyze_attention(loaded, ["the cat"], output=tmp_path, pictures=False)
    assert analysis["pairs"][0]["target_tokens"][1:] == [f"<id {beyond}>"] * 11


def test_pictures_of_an_earlier_call_do_not_stay(checkpoint, tmp_path):
    seq2seq.analyze_attention(checkpoint, ["the cat", "fish"], ["a dog", "a"], output=tmp_path)
    assert len(list(tmp_path.glob("pair_2/*.png"))) == 6
    others = [tmp_path / "pair_2/mine.png", tmp_path / "pair_plots/cross_0.png"]
    others[1].parent.mkdir()
    for path in others:
        path.write_text("")
    seq2seq.analyze_attention(checkpoint, ["the cat"], ["a dog"], output=tmp_path, overwrite=True)
    assert all(path.exists() for path in others)
    others[0].unlink()
    assert (len(list(tmp_path.glob("pair_1/*.png"))), len(list(tmp_path.glob("pair_2/*.png")))) == (6, 0)


def test_page_holds_the_weights_and_no_text_ends_its_script(checkpoint, tmp_path):
    text = "the <!-- <script> cat </script> sat"
    seq2seq.analyze_attention(checkpoint, [text], ["a dog"], output=tmp_path, pictures=False)
    page = (tmp_path / "attention.html").read_text()
    assert (page.count("</script>"), page.count("<!--"), page.count("<script")) == (2, 0, 2)
    data = json.loads(re.search(r'application/json">(.*?)</script>', page, re.DOTALL)[1])
    assert data["titles"]["cross"] == "decoder, to the source"
    [pair] = data["pairs"]
    assert pair["title"] == text
    assert pair["target"] == ["[CLS]", "a", "dog"]
    weights = load_file(tmp_path / "attention.safetensors")["1.cross"]
    assert (pair["cross"]["layers"], pair["cross"]["heads"]) == (2, 4)
    stored = torch.tensor(list(base64.b64decode(pair["cross"]["weights"]))) / 255
    assert torch.allclose(stored, weights.flatten(), atol=0.5 / 255 + 1e-6)


def test_command_draws_a_picture_of_each_layer(command, checkpoint, tmp_path, drawn):  # noqa: F811
    arguments = ("--text", "the cat", "--target", "a dog", "--output", tmp_path / "out")
    code, out, err = command("analyze", "attention", checkpoint, *arguments)
    assert (code, out) == (0, "a dog\n")
    names = sorted(path.name for path in (tmp_path / "out/pair_1").iterdir())
    assert names == [f"{kind}_{layer}.png" for kind in ("cross", "decoder", "encoder") for layer in (0, 1)]
    assert Image.open(tmp_path / "out/pair_1/cross_0.png").size[0] > 300
    assert "attention.html, to open in a browser" in err


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("", "a", "Text 1, '', has no token for this tokenizer. Leave it out"),
        ("cat " * 40, "a", "Text 1, 'cat cat .*', has 42 tokens with its marks; the model's sources have at most 32"),
        ("a", "cat " * 40, "Target 1, 'cat cat .*', has 41 tokens with its marks; the model's targets have at most 32"),
    ],
)
def test_text_that_cannot_be_looked_at_is_refused(checkpoint, tmp_path, source, target, message):
    with pytest.raises(AnalysisError, match=message):
        seq2seq.analyze_attention(checkpoint, ["the", source], ["cat", target], output=tmp_path)
    assert not list(tmp_path.glob("pair_*"))


@pytest.mark.parametrize(
    ("texts", "targets", "message"),
    [
        ("cat", "dog", "Expected a list of texts, found one text"),
        (["cat"], [None], "Target 0: expected a string, found NoneType"),
        (["cat", "\udce9"], ["a", "b"], "Text 1 holds half of a surrogate pair"),
        (["cat"], ["\udce9"], "Target 0 holds half of a surrogate pair"),
    ],
)
def test_what_is_no_text_is_refused(checkpoint, tmp_path, texts, targets, message):
    with pytest.raises(GenerationError, match=message):
        seq2seq.analyze_attention(checkpoint, texts, targets, output=tmp_path)


def test_lists_of_unequal_length_are_refused(checkpoint, tmp_path):
    with pytest.raises(GenerationError, match="found 2 texts, 1 targets"):
        seq2seq.analyze_attention(checkpoint, ["a", "b"], ["a"], output=tmp_path)

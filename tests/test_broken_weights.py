"""One number of a checkpoint that is not finite: every command refuses the file, naming the tensor, before any output.

Broken tensors are made by hand; what no model uses may hold anything.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import seq2seq
from seq2seq.base.errors import CheckpointError, ExportError, WarmStartError
from seq2seq.checkpoints.folder import load_training_files, read_checkpoint, write_checkpoint
from seq2seq.generation.loading import complete_generation
from seq2seq.modeling.weights import find_not_finite
from tests.conftest import build_description, save_bert, shake
from tests.families import save_family
from tests.published import save_published
from tests.training.runs import write_pairs, write_recipe

BROKEN = "encoder.encoder.layer.1.output.dense.weight"
FOUND = rf"model\.safetensors: tensor {BROKEN} is broken: 1 of its 2,048 numbers are not finite"


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    (folder / "manifest.json").unlink(missing_ok=True)  # as the error of the manifest advises
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def break_tensor(folder: Path, name: str, value: float = torch.nan) -> Path:
    """Gives the last number of a tensor another value."""

    def change(weights: dict[str, torch.Tensor]) -> None:
        weights[name].view(-1)[-1] = value

    return change_weights(folder, change)


@pytest.fixture(scope="module")
def whole(tiny_bert, tmp_path_factory) -> Path:
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    shake(started.model, 0.1)
    folder = tmp_path_factory.mktemp("whole") / "checkpoint"
    write_checkpoint(folder, started.model, started.tokenizers, build_description(started))
    return folder


@pytest.fixture
def broken(whole, tmp_path) -> Path:
    return break_tensor(Path(shutil.copytree(whole, tmp_path / "broken")), BROKEN)


def train(checkpoint: Path, folder: Path) -> None:
    recipe = write_recipe(folder, checkpoint, max_steps=1)
    values = yaml.safe_load(recipe.read_text()) | {"model": {"plan": "pretrained", "checkpoint": str(checkpoint)}}
    recipe.write_text(yaml.safe_dump(values))
    seq2seq.train(recipe)


VERBS = {
    "generate": lambda broken, whole, pairs, out: seq2seq.generate(broken, ["a cat ran"]),
    "generate_file": lambda broken, whole, pairs, out: seq2seq.generate_file(broken, ["a cat"], out / "o.jsonl"),
    "load_generator": lambda broken, whole, pairs, out: seq2seq.load_generator(broken),
    "evaluate": lambda broken, whole, pairs, out: seq2seq.evaluate(broken, [pairs], output=out),
    "heads": lambda broken, whole, pairs, out: seq2seq.analyze_heads(broken, [pairs], output=out),
    "attention": lambda broken, whole, pairs, out: seq2seq.analyze_attention(broken, ["a cat"], output=out),
    "prune": lambda broken, whole, pairs, out: seq2seq.prune(broken, [pairs], keep=0.5, output=out / "o"),
    "export": lambda broken, whole, pairs, out: seq2seq.export(broken, output=out / "o"),
    "to transformers": lambda broken, whole, pairs, out: seq2seq.export(
        broken, output=out / "o", format="transformers"
    ),
    "average": lambda broken, whole, pairs, out: seq2seq.average([whole, broken], output=out / "o"),
    "train": lambda broken, whole, pairs, out: train(broken, out),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_refuses_one_broken_number_and_names_it(broken, whole, tmp_path, verb):
    pairs = write_pairs(tmp_path / "pairs.jsonl", 4)
    with pytest.raises(CheckpointError, match=FOUND):
        VERBS[verb](broken, whole, pairs, tmp_path)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_nan_and_both_infinities_are_refused(whole, tmp_path, value):
    folder = break_tensor(Path(shutil.copytree(whole, tmp_path / "broken")), BROKEN, value)
    with pytest.raises(CheckpointError, match=FOUND):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("family", "name"),
    [("bart", "model.encoder.layers.0.fc1.weight"), ("t5", "shared.weight"), ("marian", "final_logits_bias")],
)
def test_checkpoint_published_whole_is_refused(tmp_path, family, name):
    folder = break_tensor(save_published(tmp_path, family), name)
    with pytest.raises(CheckpointError, match=rf"model\.safetensors: tensor {name} is broken: 1 of its"):
        seq2seq.generate(folder, ["a cat ran"])


def test_broken_table_is_no_difference_between_tied_names(tmp_path):
    """Nan is not equal to itself: the file holds the same table under both names."""
    folder = save_published(tmp_path, "t5")

    def change(weights: dict[str, torch.Tensor]) -> None:
        weights["shared.weight"][5, 5] = torch.nan
        weights["encoder.embed_tokens.weight"] = weights["shared.weight"].clone()

    with pytest.raises(CheckpointError, match=r"embed_tokens\.weight is broken|shared\.weight is broken"):
        read_checkpoint(change_weights(folder, change))


def test_broken_weights_of_a_bin_file_are_refused(tmp_path):
    folder = save_published(tmp_path, "bart")
    weights = load_file(folder / "model.safetensors")
    weights["model.decoder.layers.1.fc2.bias"][:3] = torch.inf
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin: tensor model.decoder.layers.1.fc2.bias .*: 3 of"):
        read_checkpoint(folder)


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_checkpoint_of_a_warm_start_is_refused(tiny_bert, tmp_path, side):
    name = "encoder.layer.0.attention.self.query.bias"
    sides = {"encoder": str(tiny_bert), "decoder": str(tiny_bert)}
    sides[side] = str(break_tensor(save_bert(tmp_path / "broken"), name))
    with pytest.raises(WarmStartError, match=rf"model\.safetensors: tensor {name} is broken: 1 of its 32 numbers"):
        seq2seq.warm_start(plan="pair", **sides)


def test_weights_too_large_for_the_half_precision_they_were_saved_in_are_refused(tmp_path):
    folder = save_family(tmp_path, "roberta", head=True)

    def change(weights: dict[str, torch.Tensor]) -> None:
        weights["roberta.embeddings.LayerNorm.weight"][0] = 70_000.0  # float16 ends at 65,504
        for name, tensor in weights.items():
            weights[name] = tensor.half()

    with pytest.raises(
        WarmStartError, match=r"roberta\.embeddings\.LayerNorm\.weight is broken: 1 of .* half precision"
    ):
        seq2seq.warm_start(plan="robertashare", encoder=str(change_weights(folder, change)))


def test_tensor_that_no_model_uses_may_hold_anything(tmp_path):
    bert = break_tensor(save_bert(tmp_path / "bert"), "pooler.dense.weight")
    assert seq2seq.warm_start(plan="bert2bert", encoder=str(bert)).origin.totals()["total"] > 0
    folder = change_weights(
        save_published(tmp_path, "bart"),
        lambda weights: weights.update({"classification_head.dense.weight": torch.full((2, 2), torch.nan)}),
    )
    assert read_checkpoint(folder).unused_tensors == ("classification_head.dense.weight",)


def test_minus_infinity_of_a_buffer_rules_a_token_out_and_is_kept(tmp_path):
    (tmp_path / "bart").mkdir()
    published = break_tensor(save_published(tmp_path / "bart", "bart"), "final_logits_bias", -torch.inf)
    loaded = complete_generation(read_checkpoint(published))
    assert loaded.model.final_logits_bias[0, -1] == -torch.inf
    write_checkpoint(tmp_path / "ours", loaded.model, loaded.tokenizers, loaded.description)
    assert read_checkpoint(tmp_path / "ours").model.final_logits_bias[0, -1] == -torch.inf


def test_large_numbers_are_finite_though_their_sum_is_not():
    assert find_not_finite("w", torch.full((4,), 3e38)) is None


def test_weights_that_a_run_goes_on_from_are_refused(tiny_bert, tmp_path):
    run = seq2seq.train(write_recipe(tmp_path, tiny_bert, max_steps=1, ema_decay=0.9))
    file = run / "checkpoints/step_00000001/training/weights.safetensors"
    weights = load_file(file)
    weights[BROKEN][0, 0] = torch.inf
    save_file(weights, file)
    with pytest.raises(CheckpointError, match=rf"training/weights\.safetensors: tensor {BROKEN} is broken: 1 of"):
        load_training_files(run / "checkpoints/step_00000001")


def test_export_whose_number_type_ends_below_a_weight_is_refused(whole, tmp_path):
    pytest.importorskip("ctranslate2")
    name = "decoder.bert.encoder.layer.0.output.LayerNorm.weight"
    folder = break_tensor(Path(shutil.copytree(whole, tmp_path / "large")), name, 70_000.0)
    for quantization in ("float16", "int8_float16"):
        with pytest.raises(
            ExportError, match=rf"quantization: {name} has a weight of 7e\+04, and float16 ends at 6.55e"
        ):
            seq2seq.export(folder, output=tmp_path / "export", quantization=quantization)
    assert not (tmp_path / "export").exists()
    seq2seq.export(folder, output=tmp_path / "export", quantization="bfloat16")

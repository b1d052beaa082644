"""The moving average of the weights: its formula, the swap, and what a run's checkpoints hold of it."""

import shutil

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import EncoderDecoderModel

import seq2seq
from seq2seq import warm_start
from seq2seq.base.errors import CheckpointError, RecipeError
from seq2seq.checkpoints.folder import check_manifest
from seq2seq.data.examples import load_examples
from seq2seq.data.options import LayoutOptions
from seq2seq.modeling.sharing import map_shared_names
from seq2seq.recipe.recipe import build_recipe, load_recipe
from seq2seq.run_folder.steps import step_folder
from seq2seq.sources.text import build_reader
from seq2seq.text.tokenizers import encode_texts
from seq2seq.training.ema import WeightAverages, compute_decay, export_weights, restore_weights
from tests.training.runs import compute_averages, copy_up_to_step_3, read_events, write_pairs

FILES = WEIGHTS, TRAINED, _ = "model.safetensors", "training/weights.safetensors", "training/optimizer.safetensors"


def build_model() -> nn.Module:
    """Two layers with one weight, a bias that is not trained, and a buffer."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model[1].bias.requires_grad_(False)
    model.register_buffer("seen", torch.zeros(1))
    return model


def fill(model: nn.Module, value: float) -> None:
    with torch.no_grad():
        model[0].weight.fill_(value)


@pytest.mark.parametrize(("step", "expected"), [(1, 2 / 11), (8, 9 / 18), (890, 891 / 900), (1000, 0.99)])
def test_decay_rises_to_its_value(step, expected):
    assert compute_decay(0.99, step) == expected


def test_average_of_two_updates_is_that_of_hand_arithmetic():
    model = build_model()
    fill(model, 11.0)
    averages = WeightAverages(model, 0.2)
    fill(model, 22.0)
    averages.update(1)  # 2/11 of 11, 9/11 of 22: 20
    fill(model, 30.0)
    averages.update(2)  # 3/12 would be more than 0.2: 0.2 of 20, 0.8 of 30: 28
    with averages.applied() as weights:
        assert model[0].weight.tolist() == [[28.0, 28.0]] * 2
        assert weights["0.weight"].tolist() == [[30.0, 30.0]] * 2


def test_shared_parameter_is_averaged_once_and_others_not_at_all():
    model = build_model()
    averages = WeightAverages(model, 0.9)
    with averages.applied() as weights:
        assert list(weights) == ["0.weight"]
        assert model[1].weight is model[0].weight


def test_buffers_and_frozen_parameters_stay_the_models_own():
    model = build_model()
    averages = WeightAverages(model, 0.9)
    with torch.no_grad():
        model.seen.fill_(7.0)
        model[1].bias.fill_(5.0)
    averages.update(1)
    with averages.applied():
        assert (model.seen.item(), model[1].bias.tolist()) == (7.0, [5.0, 5.0])


def test_weights_come_back_bit_for_bit_also_after_an_error():
    model = build_model()
    averages = WeightAverages(model, 0.9)
    fill(model, 0.1)
    averages.update(1)
    with pytest.raises(KeyboardInterrupt), averages.applied():
        average = model[0].weight.clone()
        raise KeyboardInterrupt
    assert torch.equal(model[0].weight, torch.full((2, 2), 0.1))
    with averages.applied():
        assert torch.equal(model[0].weight, average)


def test_restored_weights_are_those_exported():
    model, other = build_model(), build_model()
    fill(other, 3.0)
    with WeightAverages(other, 0.9).applied() as weights:
        exported = export_weights(weights)
    restore_weights(model, exported)
    assert torch.equal(model[0].weight, other[0].weight)


def test_weights_of_other_parameters_are_refused():
    with pytest.raises(CheckpointError, match=r"of other parameters than the model's \(2 differ, for instance 0\.bias"):
        restore_weights(build_model(), {"0.bias": torch.zeros(2)})


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_decay_out_of_its_range_is_refused(recipe, decay):
    with pytest.raises(RecipeError, match=r"training\.ema_decay: input should be (greater|less) than"):
        load_recipe(recipe(ema_decay=decay))


@pytest.fixture(scope="module")
def runs(tiny_bert, tmp_path_factory):
    """Runs of six steps with dropout: `averaged`, and `plain` with the same settings but for the average."""
    folder = tmp_path_factory.mktemp("averaging")
    values = {
        "task": "sentence_fusion",
        "model": {"plan": "bertshare", "encoder": str(tiny_bert)},
        "data": {
            "train": write_pairs(folder / "train.jsonl", 40),
            "validation": write_pairs(folder / "validation.jsonl", 9, start=100),
            "max_source_tokens": 16,
            "max_target_tokens": 16,
        },
        "training": {
            "batch_examples": 8, "max_steps": 6, "log_every_steps": 1, "learning_rate": 1e-2,
            "checkpoint_every_steps": 1, "keep_checkpoints": 6, "validate_every_steps": 6, "precision": "fp32",
        },
        "generation": {"num_beams": 1, "max_target_tokens": 10},
    }  # fmt: skip
    recipes = {}
    for name, decay in (("plain", None), ("averaged", 0.3)):
        changes = {"output": str(folder / name), "training": values["training"] | {"ema_decay": decay}}
        recipes[name] = build_recipe(values | changes)
        seq2seq.train(recipes[name])
    return folder, recipes["averaged"]


@pytest.mark.parametrize("step", range(1, 7))
def test_checkpoints_hold_the_average_of_all_steps_so_far(runs, tiny_bert, step):
    start = warm_start(plan="bertshare", encoder=str(tiny_bert)).model
    expected = compute_averages(start, runs[0] / "averaged", step, decay=0.3)
    held = load_file(step_folder(runs[0] / "averaged", step) / WEIGHTS)
    for name, average in expected.items():
        torch.testing.assert_close(held[name].double(), average, rtol=1e-6, atol=1e-7)


def test_training_goes_on_from_the_weights_as_if_nothing_were_averaged(runs):
    plain = load_file(step_folder(runs[0] / "plain", 6) / WEIGHTS)
    trained = load_file(step_folder(runs[0] / "averaged", 6) / TRAINED)
    assert trained.keys() < plain.keys()
    assert [name for name, weight in trained.items() if not torch.equal(weight, plain[name])] == []
    figures = [
        [(row["loss"], row["gradient_norm"]) for row in read_events(runs[0] / name, "train")]
        for name in ("plain", "averaged")
    ]
    assert figures[0] == figures[1]


def test_run_without_averages_keeps_no_second_weights(runs):
    training = step_folder(runs[0] / "plain", 6) / "training"
    assert {path.name for path in training.iterdir()} == {"optimizer.safetensors", "state.json"}


def test_shared_parameters_stay_shared_in_the_averages(runs, tiny_bert):
    model = warm_start(plan="bertshare", encoder=str(tiny_bert)).model
    held = load_file(step_folder(runs[0] / "averaged", 6) / WEIGHTS)
    pairs = {name: first for name, first in map_shared_names(model).items() if name in held}
    assert len(pairs) == len(list(model.encoder.parameters()))
    assert [name for name, first in pairs.items() if not torch.equal(held[name], held[first])] == []


def test_plain_transformers_loads_the_averages(runs):
    folder = step_folder(runs[0] / "averaged", 6)
    plain, held = EncoderDecoderModel.from_pretrained(folder).state_dict(), load_file(folder / WEIGHTS)
    assert [name for name, weight in held.items() if not torch.equal(weight, plain[name])] == []


def test_validation_is_of_the_averages(runs):
    loaded = seq2seq.load_checkpoint(step_folder(runs[0] / "averaged", 6))
    events = [read_events(runs[0] / name, "validation")[0]["loss"] for name in ("averaged", "plain")]
    loss, tokens = 0.0, 0
    for row in load_examples([str(runs[0] / "validation.jsonl")], LayoutOptions(), build_reader()):
        source, target = encode_texts(loaded.tokenizers.source, [row.source, row.target])
        labels = torch.tensor([[*target, 3]])
        loss += loaded.model(input_ids=torch.tensor([[2, *source, 3]]), labels=labels).negative_log_likelihood.item()
        tokens += labels.numel()
    assert events[0] == pytest.approx(loss / tokens, rel=1e-5)
    assert abs(events[1] - events[0]) > 1e-3


def test_resumed_run_with_averages_equals_the_uninterrupted_one_bit_for_bit(runs, tmp_path):
    whole, copy = runs[0] / "averaged", tmp_path / "resumed"
    copy_up_to_step_3(whole, copy)
    seq2seq.train(runs[1].model_copy(update={"output": str(copy)}), resume=True)
    files = [[(step_folder(run, 6) / name).read_bytes() for name in FILES] for run in (whole, copy)]
    assert files[0] == files[1]


def test_run_that_averaged_nothing_so_far_cannot_begin_to(runs, tmp_path):
    copy = tmp_path / "plain"
    copy_up_to_step_3(runs[0] / "plain", copy)
    recipe = copy / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("ema_decay: null", "ema_decay: 0.3"))
    with pytest.raises(CheckpointError, match="The weights to go on from are of other parameters than the model's"):
        seq2seq.train(runs[1].model_copy(update={"output": str(copy)}), resume=True)


def test_damaged_second_weights_are_found(runs, tmp_path):
    folder = shutil.copytree(step_folder(runs[0] / "averaged", 6), tmp_path / "copy")
    (folder / TRAINED).write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"training/weights\.safetensors is not what was written"):
        check_manifest(folder)

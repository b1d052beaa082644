"""Precision, gradient checkpointing and compilation against plain float32."""

import inspect
import shutil
from copy import deepcopy
from pathlib import Path

import pytest
import torch

import seq2seq
from seq2seq.base.errors import TrainingError
from seq2seq.base.files import load_json
from seq2seq.engines.casting import CastCopies
from seq2seq.training.execution import compile_layers, enable_gradient_checkpointing
from tests.families import ENCODERS, save_family
from tests.training.runs import hash_weights, read_events, write_pairs, write_recipe


def read_steps(folder, figure):
    return [event[figure] for event in read_events(folder, "train")]


@pytest.fixture
def plain(recipe):
    """A float32 run of three steps without dropout."""
    return seq2seq.train(recipe("plain", model={"dropout": 0.0}, max_steps=3))


def test_bf16_is_close_to_float32(recipe, plain):
    folder = seq2seq.train(recipe(model={"dropout": 0.0}, max_steps=3, precision="bf16"))
    # bfloat16 keeps 8 bits of a number, 0.4%; sums of many errors stay below a few of these.
    assert read_steps(folder, "loss") == pytest.approx(read_steps(plain, "loss"), rel=0.01)
    assert read_steps(folder, "gradient_norm") == pytest.approx(read_steps(plain, "gradient_norm"), rel=0.05)
    assert read_steps(folder, "loss") != read_steps(plain, "loss")


@pytest.fixture(scope="module")
def tiny_decoder(tmp_path_factory) -> Path:
    return save_family(tmp_path_factory.mktemp("decoder"), "bert")


@pytest.mark.parametrize("family", ENCODERS)
def test_texts_are_written_in_a_bf16_run_whatever_the_encoder(tmp_path, tiny_decoder, family):
    encoder = save_family(tmp_path / family, family)
    pair = {"plan": "pair", "decoder": str(tiny_decoder), "convert": False}
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 1, start=100)}
    training = {"batch_examples": 4, "max_steps": 1, "precision": "bf16", "validation_metrics": ["sari"]}
    folder = seq2seq.train(write_recipe(tmp_path, encoder, model=pair, data=data, **training))
    [event] = read_events(folder, "validation")
    assert 0 <= event["sari"] <= 100


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_texts_of_a_bf16_run_have_the_precision_of_its_generation(tmp_path, recipe, precision, monkeypatch):
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 4, start=100)}
    seen = []
    find = CastCopies.find

    def watch(self, model, asked):
        seen.append((asked, torch.is_autocast_enabled("cpu"), find(self, model, asked).dtype))
        return find(self, model, asked)

    monkeypatch.setattr(CastCopies, "find", watch)
    training = {"max_steps": 2, "precision": "bf16", "validation_metrics": ["sari"], "validate_every_steps": 1}
    folder = seq2seq.train(recipe(data=data, **training), [f"generation.precision={precision}"])
    assert len(read_events(folder, "validation")) == 2
    assert set(seen) == {(precision, False, {"fp32": torch.float32, "bf16": torch.bfloat16}[precision])}


def test_encoder_that_does_not_run_under_autocast_has_float32_states_whoever_calls_it(tmp_path, tiny_decoder):
    encoder = save_family(tmp_path / "deberta", "deberta")
    model = seq2seq.warm_start(plan="pair", encoder=str(encoder), decoder=str(tiny_decoder)).model
    inputs = {"input_ids": torch.tensor([[5, 6, 7, 8]]), "attention_mask": torch.ones(1, 4).long()}
    for called in (model.get_encoder(), deepcopy(model).get_encoder()):
        with torch.inference_mode():
            expected = called(**inputs).last_hidden_state
            with torch.autocast("cpu", torch.bfloat16):
                states = called(**inputs).last_hidden_state
        assert torch.equal(states, expected)
    assert "attention_mask" in inspect.signature(model.get_encoder().forward).parameters


@pytest.mark.cuda
def test_fp16_is_close_to_float32_and_resumes_with_its_scale(recipe, plain):
    folder = seq2seq.train(recipe(model={"dropout": 0.0}, max_steps=3, precision="fp16"))
    assert read_steps(folder, "loss") == pytest.approx(read_steps(plain, "loss"), rel=0.01)
    assert read_steps(folder, "gradient_norm") == pytest.approx(read_steps(plain, "gradient_norm"), rel=0.05)
    assert load_json(folder / "checkpoints/step_00000003/training/state.json")["loss_scaler"]["scale"] > 0


def test_gradient_checkpointing_runs_every_layer_twice_and_changes_no_bit(recipe, monkeypatch):
    whole = seq2seq.train(recipe("whole", max_steps=3))
    calls = []
    inner = type(seq2seq.load_checkpoint(whole).model.encoder.encoder.layer[0].intermediate)

    def forward(self, states, forward=inner.forward):
        calls.append(self)
        return forward(self, states)

    monkeypatch.setattr(inner, "forward", forward)
    folder = seq2seq.train(recipe(max_steps=3, gradient_checkpointing=True))
    assert hash_weights(folder, 3) == hash_weights(whole, 3)
    assert len(calls) == 3 * 2 * 4  # steps, there and back, layers


def test_gradient_checkpointing_is_refused_where_transformers_has_none(started, monkeypatch):
    monkeypatch.setattr(type(started.model), "supports_gradient_checkpointing", False)
    with pytest.raises(TrainingError, match=r"training\.gradient_checkpointing: .* Set it to false"):
        enable_gradient_checkpointing(started.model)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_layers_compile_for_any_length_without_a_compiler(recipe, plain, monkeypatch, tmp_path, checkpointing):
    """The traced graphs, run as they are: the part of a compilation that needs no C++ compiler and no minute."""

    def compile_to_nothing(self, compile=torch.nn.Module.compile, **options):
        compile(self, backend="eager", **options)

    monkeypatch.setattr(torch.nn.Module, "compile", compile_to_nothing)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 4, start=100)}
    options = {"max_steps": 3, "compile": True, "validation_metrics": ["loss", "sari"]}
    options |= {"gradient_checkpointing": checkpointing}
    folder = seq2seq.train(recipe(model={"dropout": 0.0}, data=data, **options))
    # Encoder and decoder layers are traced with gradients, whatever the lengths of the steps, and not for validation.
    assert 2 <= torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 4
    assert read_steps(folder, "loss") == pytest.approx(read_steps(plain, "loss"), rel=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_layers_train_as_plain_ones(recipe, plain):
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    folder = seq2seq.train(recipe(model={"dropout": 0.0}, max_steps=3, compile=True))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert read_steps(folder, "loss") == pytest.approx(read_steps(plain, "loss"), rel=1e-5)
    assert read_steps(folder, "gradient_norm") == pytest.approx(read_steps(plain, "gradient_norm"), rel=1e-4)


def test_compilation_is_refused_where_the_layers_are_not_known(started, monkeypatch):
    monkeypatch.setattr("seq2seq.training.execution.list_layers", lambda model, side: [])
    with pytest.raises(TrainingError, match="nobody knows those of model_type 'encoder-decoder' here. Set it to false"):
        compile_layers(started.model)

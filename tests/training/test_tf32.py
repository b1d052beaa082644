"""`training.tf32`: what torch multiplies by on CUDA is set for steps and the loss of validations, and nowhere else."""

import pytest
import torch

import seq2seq
from seq2seq.modeling.token_loss import TokenLossModel
from seq2seq.runs.outputs import OutputWriter
from seq2seq.training.tf32 import CUDNN, MATMUL, find_idle_reason, multiplying_by_tf32
from tests.training.runs import read_events, write_pairs

GPU = torch.device("cuda", 0)


def read_settings():
    """What torch has for matrix products, convolutions and recurrences."""
    return MATMUL.fp32_precision, CUDNN.conv.fp32_precision, CUDNN.rnn.fp32_precision


@pytest.fixture(autouse=True)
def settings():
    """A function that gives torch settings of a kind, which last as long as the test."""
    before = read_settings()

    def choose(kind):
        if kind == "old names":
            torch.set_float32_matmul_precision("high")
        elif kind == "new names":
            MATMUL.fp32_precision = "tf32"
            CUDNN.conv.fp32_precision = "ieee"

    yield choose
    MATMUL.allow_tf32 = False
    CUDNN.allow_tf32 = True
    MATMUL.fp32_precision, CUDNN.conv.fp32_precision, CUDNN.rnn.fp32_precision = before


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("kind", ["torch's own", "old names", "new names"])
def test_torch_has_it_in_the_block_and_then_what_it_had(settings, kind, wanted):
    settings(kind)
    before = read_settings()
    with multiplying_by_tf32(wanted):
        # By both of torch's sets of names, which refuse what they do not agree on.
        assert (MATMUL.allow_tf32, CUDNN.allow_tf32) == (wanted, wanted)
        assert [precision == "tf32" for precision in read_settings()] == [wanted] * 3
    assert read_settings() == before


def test_error_in_the_block_leaves_torch_as_it_was():
    before = read_settings()
    with pytest.raises(KeyError), multiplying_by_tf32(True):
        raise KeyError
    assert read_settings() == before


@pytest.mark.parametrize("wanted", [True, False])
def test_run_has_it_in_steps_and_losses_and_not_for_texts(recipe, tmp_path, monkeypatch, wanted):
    seen = {"steps": set(), "losses": set(), "texts": set()}

    def shift_right(self, labels, shift_right=TokenLossModel.shift_right):
        seen["steps" if self.training else "losses"].add(MATMUL.allow_tf32)
        return shift_right(self, labels)

    def write(self, *arguments, write=OutputWriter.write, **options):
        seen["texts"].add(MATMUL.allow_tf32)
        return write(self, *arguments, **options)

    monkeypatch.setattr(TokenLossModel, "shift_right", shift_right)
    monkeypatch.setattr(OutputWriter, "write", write)
    held_out = write_pairs(tmp_path / "held_out.jsonl", 4, start=100)
    data = {"validation": held_out, "test": held_out}
    before = read_settings()
    run = seq2seq.train(
        recipe(data=data, tf32=wanted, max_steps=2, validate_every_steps=1, validation_metrics=["loss", "sari"])
    )
    assert len(read_events(run, "validation")) == 2
    assert seen == {"steps": {wanted}, "losses": {wanted}, "texts": {False}}
    assert read_settings() == before


def test_run_on_a_processor_says_that_it_changes_nothing(recipe, capsys):
    plain = seq2seq.train(recipe("plain", max_steps=1))
    assert "tf32" not in capsys.readouterr().err
    run = seq2seq.train(recipe(max_steps=1, tf32=True))
    assert "training.tf32 changes nothing here: the run computes on no CUDA GPU." in capsys.readouterr().err
    name = "checkpoints/step_00000001/model.safetensors"
    assert (run / name).read_bytes() == (plain / name).read_bytes()


@pytest.mark.parametrize(("capability", "reason"), [((7, 5), "Some GPU has no TF32"), ((8, 0), None), ((9, 0), None)])
def test_gpus_from_ampere_on_have_it(monkeypatch, capability, reason):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    assert find_idle_reason(GPU) == reason

"""What `training.precision: auto` goes by: what the machine says of bf16, and the width of the model."""

from types import MappingProxyType, SimpleNamespace

import pytest
import torch
from transformers import (
    BartConfig,
    BertConfig,
    DebertaConfig,
    EncoderDecoderConfig,
    GPT2Config,
    PerceiverConfig,
    T5Config,
    T5GemmaConfig,
)

from seq2seq.base.errors import TrainingError
from seq2seq.training.precision import NARROWEST, VARIABLE, find_width, judge_bf16, judge_device

CPU = torch.device("cpu")
GPU = torch.device("cuda", 0)


@pytest.fixture
def detected(monkeypatch):
    """A function that gives this processor instructions by torch's names, and this torch oneDNN or none."""

    def detect(*instructions, onednn=True):
        monkeypatch.delenv(VARIABLE, raising=False)
        capabilities = MappingProxyType({"avx2": True, "architecture": "any"} | dict.fromkeys(instructions, True))
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: onednn)

    return detect


def describe_pair(encoder, decoder=None):
    """As much of a model as is asked for."""
    config = encoder if decoder is None else EncoderDecoderConfig(encoder=encoder.to_dict(), decoder=decoder.to_dict())
    return SimpleNamespace(config=config)


@pytest.mark.parametrize("instructions", [("avx512_bf16",), ("amx_bf16",), ("bf16",), ("amx_bf16", "avx512_bf16")])
def test_processor_with_instructions_for_bf16_is_faster_in_it(detected, instructions):
    detected(*instructions)
    verdict = judge_device(CPU)
    assert verdict.is_faster
    assert verdict.reason in {f"this processor has {name}" for name in instructions}


@pytest.mark.parametrize("instructions", [(), ("avx512_f", "amx_int8"), ("neon", "fp16_arith")])
def test_processor_without_them_is_not(detected, instructions):
    detected(*instructions)
    verdict = judge_device(CPU)
    assert not verdict.is_faster
    assert verdict.reason == "this processor has no instructions for bf16 (avx512_bf16, amx_bf16, bf16)"


def test_torch_without_onednn_is_not_as_on_macos(detected):
    detected("bf16", onednn=False)
    assert judge_device(CPU).reason == "this torch has no oneDNN, which uses the processor's instructions for bf16"
    assert not judge_device(CPU).is_faster


@pytest.mark.parametrize(("supported", "reason"), [(True, "multiplies"), (False, "does not multiply")])
def test_gpu_that_only_emulates_bf16_is_not(detected, monkeypatch, supported, reason):
    detected("avx512_bf16")  # the processor beside it has no say
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: supported or including_emulation
    )
    verdict = judge_device(GPU)
    assert (verdict.is_faster, verdict.reason) == (supported, f"Tesla T4 {reason} bf16 in hardware")


@pytest.mark.parametrize("device", [CPU, GPU])
@pytest.mark.parametrize(("said", "is_faster"), [("yes", True), ("no", False)])
def test_variable_rules_over_what_is_detected(detected, monkeypatch, device, said, is_faster):
    detected(*(() if is_faster else ("avx512_bf16",)))
    monkeypatch.setenv(VARIABLE, said)
    verdict = judge_device(device)
    assert (verdict.is_faster, verdict.reason) == (is_faster, f"SEQ2SEQ_BF16 says {said}")


def test_variable_that_says_something_else_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, "maybe")
    with pytest.raises(TrainingError, match=r"SEQ2SEQ_BF16 says whether .* yes or no \(found: 'maybe'\)"):
        judge_device(CPU)


@pytest.mark.parametrize(
    ("width", "is_faster"), [(128, False), (NARROWEST - 1, False), (NARROWEST, True), (384, True), (768, True)]
)
def test_model_has_to_be_wide_enough(detected, width, is_faster):
    detected("avx512_bf16")
    pair = describe_pair(BertConfig(hidden_size=width), BertConfig(hidden_size=width))
    assert judge_bf16(pair, CPU).is_faster is is_faster


def test_narrow_model_is_told_as_the_reason_only_where_the_device_has_bf16(detected):
    narrow = describe_pair(BertConfig(hidden_size=128), BertConfig(hidden_size=128))
    detected("avx512_bf16")
    assert judge_bf16(narrow, CPU).reason == f"the model is 128 wide, and bf16 gains from a width of {NARROWEST} on"
    detected()
    assert "no instructions" in judge_bf16(narrow, CPU).reason


@pytest.mark.parametrize(
    ("encoder", "decoder", "width"),
    [
        (BertConfig(hidden_size=128), GPT2Config(n_embd=768), 768),  # the wider side takes most of the time
        (BertConfig(hidden_size=768), BertConfig(hidden_size=128), 768),
        # Published whole, under the names of their families.
        (T5Config(d_model=512), None, 512),
        (BartConfig(d_model=1024), None, 1024),
        (T5GemmaConfig(), None, T5GemmaConfig().decoder.hidden_size),
        # This encoder stays in float32 under autocast.
        (DebertaConfig(hidden_size=768), BertConfig(hidden_size=128), 128),
    ],
)
def test_width_is_that_of_the_wider_side_that_runs_in_mixed_precision(encoder, decoder, width):
    assert find_width(describe_pair(encoder, decoder)) == width


@pytest.mark.parametrize("config", [DebertaConfig(), PerceiverConfig()])  # stays in float32; has latents of a width
def test_model_of_which_no_width_is_known_is_not_faster(detected, config):
    detected("avx512_bf16")
    assert find_width(describe_pair(config)) is None
    verdict = judge_bf16(describe_pair(config), CPU)
    assert (verdict.is_faster, verdict.reason) == (False, "no width is known of a side that runs in mixed precision")

from dataclasses import replace
from functools import partial

import pytest
import torch
from accelerate import Accelerator
from torch import nn

import seq2seq
from seq2seq.data.encoding import EncodedExamples, encode_examples
from seq2seq.data.examples import load_examples
from seq2seq.data.loader import fixed_micro_batches
from seq2seq.data.options import LayoutOptions
from seq2seq.data.ragged import RaggedIds
from seq2seq.sources.padding import collate_ids
from seq2seq.training.validation import compute_source_gain, compute_validation_loss
from seq2seq.warmstart.start import WarmStart
from tests.conftest import build_source
from tests.training.runs import write_pairs


@pytest.fixture(scope="module")
def started(tiny_bert) -> WarmStart:
    return seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))


@pytest.fixture
def encoded(started, tmp_path) -> EncodedExamples:
    source = build_source(started.tokenizers.source, started.framing)
    examples = load_examples([write_pairs(tmp_path / "pairs.jsonl", 7)], LayoutOptions(), source)
    return encode_examples(examples, source, started.tokenizers, started.framing, max_target_tokens=32)


def compute_gain(started: WarmStart, encoded: EncodedExamples, micro_batch_tokens: int, pairs: int = 5) -> float:
    collate = partial(collate_ids, pad_id=started.model.source_pad_id)
    sides = (
        fixed_micro_batches(side, collate, micro_batch_tokens=micro_batch_tokens)
        for side in encoded.exchange_sources(pairs)
    )
    return compute_source_gain(started.model, *sides, Accelerator(cpu=True))


@pytest.mark.parametrize("micro_batch_tokens", [1, 4096])
def test_source_gain_is_the_rise_of_the_loss_with_the_next_pairs_source(started, encoded, micro_batch_tokens):
    model, total, tokens = started.model.eval(), 0.0, 0
    for row in range(5):
        labels = torch.tensor(encoded.labels[row])[None].long()
        losses = [
            model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).negative_log_likelihood.item()
            for ids in (torch.tensor(encoded.sources[index])[None].long() for index in ((row + 1) % 5, row))
        ]
        total, tokens = total + losses[0] - losses[1], tokens + labels.numel()
    assert compute_gain(started, encoded, micro_batch_tokens) == pytest.approx(total / tokens, abs=1e-6)
    assert total != 0


def test_source_gain_of_pairs_that_stand_three_times_in_a_row_is_that_of_the_pairs(started, encoded):
    # The mean over target tokens: three of each pair weigh what one weighs, if each copy is exchanged like the one.
    rows = range(4)
    once = replace(
        encoded,
        sources=encoded.sources.stack_like([encoded.sources[row] for row in rows]),
        labels=RaggedIds([encoded.labels[row] for row in rows]),
    )
    thrice = replace(
        encoded,
        sources=encoded.sources.stack_like([encoded.sources[row // 3] for row in range(12)]),
        labels=RaggedIds([encoded.labels[row // 3] for row in range(12)]),
    )
    gains = [compute_gain(started, side, 4096, pairs=12) for side in (once, thrice)]
    assert gains[1] == pytest.approx(gains[0], abs=1e-6)
    assert gains[0] != pytest.approx(0, abs=1e-3)


def test_source_gain_is_zero_where_nothing_comes_from_the_encoder(tiny_bert, encoded):
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    for name, module in started.model.named_modules():
        if name.endswith("crossattention.self.value"):
            nn.init.zeros_(module.weight)
    assert compute_gain(started, encoded, 4096) == pytest.approx(0.0, abs=1e-6)


def test_memory_that_runs_out_in_a_validation_is_told_once_all_processes_know(started):
    def run_out(**inputs):
        raise torch.AcceleratorError("CUDA error: out of memory")

    batches = [{"input_ids": torch.ones(1, 2).long(), "labels": torch.ones(1, 2).long()}]
    model = started.model.eval()
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(MemoryError, match="ran out in a batch of the validation"),
    ):
        patch.setattr(model, "forward", run_out)
        compute_validation_loss(model, batches, Accelerator(cpu=True))


def test_validation_leaves_the_model_in_its_mode_when_it_fails(started):
    model = started.model.train()
    with pytest.raises(ValueError, match="input_ids"):
        compute_validation_loss(model, [{"input_ids": torch.ones(1, 2).long()}], Accelerator(cpu=True))
    assert model.training

"""What a GPU computes is what the processor does, and the processor does not wait for it.

Skipped without a GPU; `tests/benchmarks/gpu.sh` runs these first. Expected values are computed on the processor.
"""

from copy import deepcopy

import pytest
import torch

import seq2seq
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from tests.batches import build_batch
from tests.conftest import shake
from tests.training.runs import compute_expected_step, read_events, write_recipe

pytestmark = pytest.mark.cuda
SOURCES = [[5, 6, 7, 8, 9], [6, 7, 8], [7, 8, 5, 6, 9]]


@pytest.fixture
def refuse_waits():
    """A function that lets torch raise where the processor would wait for the GPU, until the test ends."""
    yield lambda: torch.cuda.set_sync_debug_mode("error")
    torch.cuda.set_sync_debug_mode("default")


def compute(model, batch, number_type=torch.float32):
    """The loss of a micro-batch, and its gradients in the model."""
    model.zero_grad()
    with torch.autocast(model.device.type, number_type, enabled=number_type != torch.float32):
        sums = model(**batch)
    sums.objective.backward()
    return sums.objective.detach()


def place(started):
    """A started model with weights of its own, on the processor and on the GPU, without dropout."""
    shake(started.model, 0.1, seed=1)
    started.model.eval()
    return started.model, deepcopy(started.model).to("cuda")


@pytest.mark.parametrize("padded", [True, False], ids=["padded", "full"])
def test_micro_batch_has_the_losses_and_gradients_of_the_processor(started, padded):
    here, there = place(started)
    batch = build_batch(padded, here.source_pad_id)
    loss = compute(here, batch)
    loss_there = compute(there, {name: tensor.to("cuda") for name, tensor in batch.items()})
    assert loss_there.item() == pytest.approx(loss.item(), rel=1e-4)
    for (name, expected), (_, found) in zip(here.named_parameters(), there.named_parameters(), strict=True):
        if expected.grad is not None:
            # Sums in another order: what is left of ten bits of 24 in the largest gradients.
            atol = 1e-4 * float(expected.grad.abs().max()) + 1e-6
            torch.testing.assert_close(found.grad.cpu(), expected.grad, rtol=1e-3, atol=atol, msg=name)


@pytest.mark.parametrize("number_type", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("padded", [True, False], ids=["padded", "full"])
def test_micro_batch_is_not_waited_for(started, refuse_waits, padded, number_type):
    _, there = place(started)
    batch = {name: tensor.to("cuda") for name, tensor in build_batch(padded, there.source_pad_id).items()}
    compute(there, batch, number_type)  # libraries wait as they begin
    refuse_waits()
    compute(there, batch, number_type)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_texts_are_those_of_the_processor(started, num_beams):
    here, there = place(started)
    options = GenerationOptions(max_target_tokens=12, num_beams=num_beams)
    written = []
    for model in (here, there):
        outputs = TransformersEngine(model).generate(SOURCES, options)
        written.append([[hypothesis.ids for hypothesis in hypotheses] for hypotheses in outputs])
    assert written[0] == written[1]


def test_first_step_of_a_run_is_that_of_plain_transformers_on_the_processor(tiny_bert, tmp_path):
    changes = {"model": {"dropout": 0.0}, "batch_examples": 40, "max_steps": 1}
    run = seq2seq.train(write_recipe(tmp_path, tiny_bert, **changes))
    loss, norm = compute_expected_step(tiny_bert, tmp_path / "train.jsonl")
    (event,) = read_events(run, "train")
    assert event["loss"] == pytest.approx(loss, rel=1e-4)
    assert event["gradient_norm"] == pytest.approx(norm, rel=1e-3)

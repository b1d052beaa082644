"""A micro-batch on a simulated CUDA device: the CPU's loss and gradients bit for bit.

In float32 those of the plain CPU; under autocast those of a slow reference of CUDA's rules on the CPU.
"""

from contextlib import nullcontext
from copy import deepcopy

import pytest
import torch

import seq2seq
from tests.batches import build_batch
from tests.families import DECODERS, ENCODERS
from tests.published import FAMILIES as PUBLISHED
from tests.simulated.cuda.autocast_rules import autocast_by_the_rules
from tests.test_pairs import ACROSS

DEVICE = torch.device("cuda")
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
in_all_types = pytest.mark.parametrize("dtype", DTYPES, ids=["fp32", "bf16", "fp16"])
LOSS_SCALE = 128.0  # a scaler's part: gradients this small are rounded to nothing in fp16


def compute(model, batch, autocast):
    """The loss, whose gradients the model keeps."""
    with autocast:
        loss = model(**batch).objective
    (loss * LOSS_SCALE).backward()
    return loss.detach()


def check_micro_batch(model, batch, dtype):
    there = deepcopy(model).to(DEVICE)
    is_mixed = dtype != torch.float32
    loss = compute(model, batch, autocast_by_the_rules(dtype) if is_mixed else nullcontext())
    moved = {name: tensor.to(DEVICE) for name, tensor in batch.items()}
    loss_there = compute(there, moved, torch.autocast("cuda", dtype=dtype) if is_mixed else nullcontext())
    assert loss_there.device.type == "cuda"
    assert loss.isfinite()
    assert torch.equal(loss_there.cpu(), loss)
    for (name, here), (_, other) in zip(model.named_parameters(), there.named_parameters(), strict=True):
        assert (here.grad is None) == (other.grad is None), name
        if here.grad is not None:
            assert torch.equal(other.grad.cpu(), here.grad), name


@in_all_types
@pytest.mark.parametrize("family", ENCODERS)
def test_encoder(start_pair, family, dtype):
    model = start_pair(encoder=family)
    check_micro_batch(model, build_batch(True, model.source_pad_id), dtype)


@in_all_types
@pytest.mark.parametrize("family", DECODERS)
def test_decoder(start_pair, family, dtype):
    model = start_pair(decoder=family)
    check_micro_batch(model, build_batch(True, model.source_pad_id), dtype)


@in_all_types
@pytest.mark.parametrize("pair", ACROSS, ids=str)
def test_pair_across_families(start_pair, pair, dtype):
    model = start_pair(*pair)
    check_micro_batch(model, build_batch(True, model.source_pad_id), dtype)


@in_all_types
@pytest.mark.parametrize("family", [*PUBLISHED, "pegasus", "t5gemma"])
def test_published(start_published, family, dtype):
    model = start_published(family)
    check_micro_batch(model, build_batch(True, model.source_pad_id), dtype)


@in_all_types
@pytest.mark.parametrize("padded", [True, False], ids=["padded", "full"])
def test_pair_that_was_converted(save, padded, dtype):
    model = seq2seq.warm_start(plan="bert2bert", encoder=save("bert")).model.eval()
    check_micro_batch(model, build_batch(padded, model.source_pad_id), dtype)


@in_all_types
def test_pair_that_shares_its_weights(save, dtype):
    model = seq2seq.warm_start(plan="bertshare", encoder=save("bert")).model.eval()
    check_micro_batch(model, build_batch(True, model.source_pad_id), dtype)

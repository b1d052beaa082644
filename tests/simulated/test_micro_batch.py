"""A micro-batch on a simulated GPU: the CPU's loss and gradients bit for bit, and nothing that the CPU waits for."""

from copy import deepcopy

import pytest
import torch

import seq2seq
from tests.batches import build_batch
from tests.conftest import shake
from tests.families import DECODERS, ENCODERS, save_family
from tests.published import FAMILIES as PUBLISHED
from tests.published import save_published
from tests.simulated.device import DEVICE, move, simulating
from tests.test_pairs import ACROSS

# What transformers' own code looks into, where nothing that it takes would spare it.
ENCODER_WAITS = {"longformer": 2}
PUBLISHED_WAITS = {"t5gemma": 3}


def compute(model, batch):
    sums = model(**batch)
    sums.objective.backward()
    return sums.objective


def check_micro_batch(model, batch, waits):
    shake(model, 0.1, seed=1)
    model.eval()
    there = deepcopy(model)
    loss = compute(model, batch)
    with simulating() as counts:
        move(there)
        moved = {name: tensor.to(DEVICE) for name, tensor in batch.items()}
        counts.clear()
        loss_there = compute(there, moved)
        seen = dict(counts.waits)
    assert torch.equal(loss_there.data_on_cpu, loss)
    for (name, here), (_, other) in zip(model.named_parameters(), there.named_parameters(), strict=True):
        assert (here.grad is None) == (other.grad is None), name
        assert here.grad is None or torch.equal(other.grad.data_on_cpu, here.grad), name
    assert sum(seen.values()) == waits, seen


@pytest.mark.parametrize("padded", [True, False], ids=["padded", "full"])
@pytest.mark.parametrize("family", ENCODERS)
def test_encoder(save, family, padded):
    model = seq2seq.warm_start(plan="pair", encoder=save(family), decoder=save("bert"), convert=False).model
    check_micro_batch(model, build_batch(padded, model.source_pad_id), ENCODER_WAITS.get(family, 0))


@pytest.mark.parametrize("padded", [True, False], ids=["padded", "full"])
@pytest.mark.parametrize("family", DECODERS)
def test_decoder(save, family, padded):
    model = seq2seq.warm_start(plan="pair", encoder=save("bert"), decoder=save(family), convert=False).model
    check_micro_batch(model, build_batch(padded, model.source_pad_id), 0)


@pytest.mark.parametrize(("encoder", "encoder_width", "decoder", "decoder_width"), ACROSS)
def test_pair_across_families(tmp_path, encoder, encoder_width, decoder, decoder_width):
    folders = {family: tmp_path / family for family in (encoder, decoder)}
    started = seq2seq.warm_start(
        plan="pair",
        encoder=str(save_family(folders[encoder], encoder, width=encoder_width)),
        decoder=str(save_family(folders[decoder], decoder, width=decoder_width)),
        convert=False,
    )
    check_micro_batch(started.model, build_batch(True, started.model.source_pad_id), 0)


@pytest.mark.parametrize("padded", [True, False], ids=["padded", "full"])
@pytest.mark.parametrize("family", [*PUBLISHED, "pegasus", "t5gemma"])
def test_published(tmp_path, family, padded):
    model = seq2seq.warm_start(plan="pretrained", checkpoint=str(save_published(tmp_path, family))).model
    check_micro_batch(model, build_batch(padded, model.source_pad_id), PUBLISHED_WAITS.get(family, 0))


def test_pair_that_was_converted(save):
    model = seq2seq.warm_start(plan="bert2bert", encoder=save("bert")).model
    check_micro_batch(model, build_batch(True, model.source_pad_id), 0)

"""Heads weighed and closed, and targets scored, on a simulated GPU: the CPU's figures, and nothing a batch costs more.

What a batch costs is what twice as many of them cost more: waits, and copies from memory that is not pinned.
"""

from copy import deepcopy

import pytest
import torch

import seq2seq
from seq2seq.analysis.importance import compute_importance
from seq2seq.analysis.pruning_rounds import Pairs
from seq2seq.engines.forced_decoding import score_ids
from seq2seq.modeling.attention_sites import gated, list_sites
from tests.batches import build_batch
from tests.conftest import shake
from tests.simulated.device import DEVICE, SimulatedTensor, move, simulating

SOURCES = [[5, 6, 7, 8, 9], [6, 7, 8], [7, 8, 5, 6, 9]]
LABELS = [[5, 6, 7], [8, 9, 5, 6], [7]]
FEW, MANY = 2, 4  # batches


@pytest.fixture
def model(save):
    model = seq2seq.warm_start(plan="bertshare", encoder=save("bert")).model
    shake(model, 0.1, seed=1)
    return model.eval()


def close_some(model) -> dict[str, torch.Tensor]:
    gates = {}
    for number, site in enumerate(list_sites(model)):
        gates[site.name] = torch.ones(site.heads)
        gates[site.name][number % site.heads] = 0
    return gates


def check_batches(model, compute, *, waits=0):
    """Whether `compute(model, batches)` gives there what it gives here, and what a batch more costs."""
    there = deepcopy(model)
    expected = {batches: compute(model, batches) for batches in (FEW, MANY)}
    seen = {}
    with simulating() as counts:
        move(there)
        for batches in (FEW, MANY):
            counts.clear()
            assert compute(there, batches) == expected[batches]
            seen[batches] = counts.copy()
    more = seen[MANY] - seen[FEW]
    assert more.waits.total() == waits * (MANY - FEW), more.waits
    assert not more.unpinned, more.unpinned


@pytest.mark.parametrize("is_closed", [False, True], ids=["open", "closed"])
def test_heads_are_weighed(model, is_closed):
    gates = close_some(model) if is_closed else None

    def weigh(model, batches):
        pairs = [build_batch(number % 2 == 0, model.source_pad_id) for number in range(batches)]
        return {name: values.tolist() for name, values in compute_importance(model, pairs, gates=gates).items()}

    check_batches(model, weigh)


def test_losses_behind_gates(model):
    gates = close_some(model)

    class Repeated(Pairs):
        def build_batches(self):
            return (build_batch(number % 2 == 0, 0) for number in range(self.batch_tokens))

    class Labels:
        ids = range(8)

    class Encoded:
        labels = Labels()

    def measure(model, batches):
        with gated(list_sites(model), gates):
            return Repeated(Encoded(), batches, None).compute_loss(model, lambda pairs: None)

    check_batches(model, measure)


def test_given_targets_are_scored(model, monkeypatch):
    # A batch for each three pairs; what they have come to is fetched once a batch.
    monkeypatch.setattr("seq2seq.engines.forced_decoding.BATCH_TOKENS", 3 * 9)
    check_batches(model, lambda model, batches: score_ids(model, SOURCES * batches, LABELS * batches), waits=3)


@pytest.mark.parametrize("autocast", [False, True])
def test_gate_is_moved_to_the_device_once(model, autocast):
    # To the type of what it gates, which autocast chooses.
    (site, *_) = list_sites(model)
    copies = []

    class Watched(torch.Tensor):
        def to(self, *arguments, **options):
            copies.append(1)
            return super().to(*arguments, **options).as_subclass(torch.Tensor)

    gate = torch.zeros(site.heads).as_subclass(Watched)
    batch = build_batch(True, model.source_pad_id)
    with gated([site], {site.name: gate}), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        closed = model(**batch).objective
        assert torch.equal(model(**batch).objective, closed)
    assert len(copies) == 1


def test_gate_that_learns_has_a_gradient_of_every_pass(model):
    site = list_sites(model)[0]
    batch = build_batch(True, model.source_pad_id)
    gate = torch.ones(site.heads, requires_grad=True)
    gradients = []
    with gated([site], {site.name: gate}):
        with torch.no_grad():
            model(**batch)
        for _ in range(2):
            gradients += torch.autograd.grad(model(**batch).objective, gate)
    assert gradients[0].abs().sum() > 0
    assert torch.equal(*gradients)


def test_gates_moved_in_inference_mode_serve_gradients_too(model):
    site = list_sites(model)[0]
    batch = build_batch(True, model.source_pad_id)
    with gated([site], {site.name: torch.zeros(site.heads, dtype=torch.float64)}):
        with torch.inference_mode():
            model(**batch)
        model(**batch).objective.backward()
    assert site.output.weight.grad is not None


def test_device_of_these_tests_sees_a_gate_that_is_copied(model):
    with simulating() as counts:
        there = SimulatedTensor(torch.ones(2))
        counts.clear()
        torch.ones(2).to(there)
        assert there.device == DEVICE
        assert counts.unpinned.total() == 1

"""Head importance against finite differences, pairs one by one, and leaving out one head at a time."""

import pytest
import torch
from torch.nn import functional

from seq2seq.analysis.importance import compute_importance, normalize_by_layer
from seq2seq.modeling.attention_sites import gated, list_sites

IGNORED = -100


@pytest.fixture(params=[("bert", "bert"), ("deberta-v2", "gpt2"), ("roberta", "electra")], ids="-".join)
def model(request, shaken_pair):
    return shaken_pair(*request.param).double()


def draw_batch(model) -> dict[str, torch.Tensor]:
    """Three pairs, sources of 7, 5 and 2 tokens, targets of 4, 2 and 3."""
    torch.manual_seed(1)
    mask = torch.arange(7)[None] < torch.tensor([7, 5, 2])[:, None]
    sources = torch.randint(8, 60, (3, 7)).masked_fill(~mask, model.source_pad_id)
    labels = torch.randint(8, 60, (3, 4)).masked_fill(
        torch.arange(4)[None] >= torch.tensor([4, 2, 3])[:, None], IGNORED
    )
    return {"input_ids": sources, "attention_mask": mask.long(), "labels": labels}


def compute_loss(model, batch, sites, name: str, head: int, value: float) -> float:
    site = next(site for site in sites if site.name == name)
    gate = torch.ones(site.heads, dtype=torch.float64)
    gate[head] = value
    with torch.no_grad(), gated(sites, {name: gate}):
        inputs = {"decoder_input_ids": model.shift_right(batch["labels"]), "use_cache": False}
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], **inputs).logits
        return functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), reduction="sum").item()


def test_importance_is_the_mean_absolute_slope_of_each_pairs_loss(model):
    batch, sites, step = draw_batch(model), list_sites(model), 1e-4
    pairs = [{name: tensor[row : row + 1] for name, tensor in batch.items()} for row in range(3)]
    importance = compute_importance(model, [batch])
    assert list(importance) == [site.name for site in sites]
    for site in sites:
        for head in range(site.heads):
            slopes = [
                (compute_loss(model, pair, sites, site.name, head, 1 + step)
                 - compute_loss(model, pair, sites, site.name, head, 1 - step)) / (2 * step)
                for pair in pairs
            ]  # fmt: skip
            assert importance[site.name][head].item() == pytest.approx(sum(map(abs, slopes)) / 9, rel=1e-5, abs=1e-9)


def test_batches_make_no_difference(model):
    batch = draw_batch(model)
    pairs = [{name: tensor[row : row + 1] for name, tensor in batch.items()} for row in range(3)]
    finished = []
    together, alone = compute_importance(model, [batch]), compute_importance(model, pairs, finished.append)
    assert finished == [1, 1, 1]
    for name, values in together.items():
        assert torch.allclose(values, alone[name], rtol=1e-9)


def test_model_is_left_as_it_was(model):
    model.train()
    before = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    compute_importance(model, [draw_batch(model)])
    assert model.training
    assert {name: parameter.requires_grad for name, parameter in model.named_parameters()} == before
    assert all(parameter.grad is None for parameter in model.parameters())


def test_batches_without_a_target_are_refused(model):
    batch = draw_batch(model)
    batch["labels"] = torch.full_like(batch["labels"], IGNORED)
    with pytest.raises(ValueError, match="no target token to weigh heads on"):
        compute_importance(model, [batch])


def test_normalized_importance_has_length_one_in_each_layer():
    normalized = normalize_by_layer({"a": torch.tensor([3.0, 4.0]), "b": torch.zeros(2)})
    assert torch.allclose(normalized["a"], torch.tensor([0.6, 0.8]))
    assert torch.equal(normalized["b"], torch.zeros(2))


def test_heads_that_matter_are_those_whose_loss_grows_when_they_are_left_out(model):
    # Small gates: there the loss is nearly straight, and the slope says what leaving a head out would cost.
    for site in (sites := list_sites(model)):
        site.output.weight.data.mul_(0.2)
    batch = draw_batch(model)
    pairs = [{name: tensor[row : row + 1] for name, tensor in batch.items()} for row in range(3)]
    importance = compute_importance(model, [batch])
    estimated, measured = [], []
    for site in sites:
        for head in range(site.heads):
            changes = [
                abs(
                    compute_loss(model, pair, sites, site.name, head, 0.0)
                    - compute_loss(model, pair, sites, site.name, head, 1.0)
                )
                for pair in pairs
            ]
            estimated.append(importance[site.name][head].item())
            measured.append(sum(changes))
    ranks = torch.tensor([estimated, measured]).argsort().argsort().double()
    assert torch.corrcoef(ranks)[0, 1] > 0.9  # Spearman's

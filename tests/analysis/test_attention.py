"""Attention weights and states against the model's own arithmetic, for every family; statistics by hand."""

import pytest
import torch
from transformers import BigBirdPegasusConfig

from seq2seq.analysis.attention import compute_attention, compute_statistics
from seq2seq.checkpoints.published import read_published
from seq2seq.modeling.build import build_model
from seq2seq.modeling.sharing import Sharing
from tests.families import DECODERS, ENCODERS
from tests.local_attention import LOCAL, LOCAL_OR_SPARSE, WIDE
from tests.published import save_published

PAIRS = [(family, "bert") for family in ENCODERS if family != "longformer"]
PAIRS += [("bert", family) for family in DECODERS[1:]]
SOURCE, TARGET = [2, 9, 12, 20, 15, 3], [2, 10, 11, 12]


def compute_logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([SOURCE]), decoder_input_ids=torch.tensor([TARGET]), use_cache=False).logits


def check(model) -> None:
    attention = compute_attention(model, SOURCE, TARGET)
    shapes = {kind: weights.shape[-3:] for kind, weights in attention.weights.items()}
    assert shapes == {"encoder": (4, 6, 6), "decoder": (4, 4, 4), "cross": (4, 4, 6)}
    for weights in attention.weights.values():
        assert torch.allclose(weights.sum(dim=-1), torch.ones(()), atol=1e-5)
    assert not attention.weights["decoder"].triu(1).any()
    assert {side: (len(states), states.shape[1]) for side, states in attention.states.items()} == {
        "encoder": (3, 6), "decoder": (3, 4),
    }  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_head_of_a_pair_is_seen(shaken_pair, pair):
    check(shaken_pair(*pair))


@pytest.mark.parametrize("family", ["bart", "mbart", "t5", "marian"])
def test_every_head_of_a_published_encoder_decoder_is_seen(tmp_path, family):
    check(read_published(save_published(tmp_path, family)).model)


def test_attention_that_is_not_to_all_positions_is_refused(shaken_pair):
    with pytest.raises(ValueError, match="does not give the weights of its encoder attention"):
        compute_attention(shaken_pair("longformer", "bert"), SOURCE, TARGET)


@pytest.mark.parametrize("family", LOCAL_OR_SPARSE)
def test_local_attention_is_refused_and_that_to_all_positions_seen(family):
    config = LOCAL_OR_SPARSE[family]
    model = build_model(config, Sharing(embeddings=False, layers=False)).eval()
    if family in LOCAL:
        with pytest.raises(
            ValueError, match=f"a {config.model_type} does not give the weights of its encoder attention"
        ):
            compute_attention(model, SOURCE, TARGET)
    else:
        weights = compute_attention(model, SOURCE, TARGET).weights
        assert {kind: tuple(tensor.shape) for kind, tensor in weights.items()} == {
            "encoder": (2, 4, 6, 6), "decoder": (2, 4, 4, 4), "cross": (2, 4, 4, 6),
        }  # fmt: skip


@pytest.mark.parametrize(("length", "is_seen"), [(12, True), (45, False)])
def test_sparse_attention_is_seen_where_a_text_is_short_enough_for_all_positions(length, is_seen):
    sparse = {"attention_type": "block_sparse", "block_size": 4, "num_random_blocks": 1}
    config = BigBirdPegasusConfig(**WIDE, max_position_embeddings=64, **sparse)
    model = build_model(config, Sharing(embeddings=False, layers=False)).eval()
    source = [5 + index % 50 for index in range(length)]
    if is_seen:
        assert compute_attention(model, source, TARGET).weights["encoder"].shape == (2, 4, length, length)
    else:
        with pytest.raises(ValueError, match="a bigbird_pegasus does not give the weights of its encoder attention"):
            compute_attention(model, source, TARGET)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_model_attends_as_before_afterwards(shaken_pair, implementation):
    model = shaken_pair("bert", "gpt2")
    model.set_attn_implementation(implementation)
    model.train()
    before = [part.config._attn_implementation for part in (model, model.encoder, model.decoder)]
    seen = compute_attention(model, SOURCE, TARGET)
    assert [part.config._attn_implementation for part in (model, model.encoder, model.decoder)] == before
    assert model.training
    model.eval()
    other = compute_attention(model, SOURCE, TARGET)
    assert all(torch.equal(seen.weights[kind], other.weights[kind]) for kind in seen.weights)


def test_weights_are_those_that_queries_and_keys_give(shaken_pair):
    model = shaken_pair("bert", "bert")
    attention = compute_attention(model, SOURCE, TARGET)
    self_attention = model.encoder.encoder.layer[1].attention.self
    states = attention.states["encoder"][1]  # what layer 1 reads
    with torch.no_grad():
        queries, keys = (
            projection(states).view(6, 4, 8).transpose(0, 1)
            for projection in (self_attention.query, self_attention.key)
        )
    expected = (queries @ keys.transpose(1, 2) / 8**0.5).softmax(dim=-1)
    assert torch.allclose(attention.weights["encoder"][1], expected, atol=1e-5)


def test_statistics_are_those_of_hand_arithmetic():
    # One layer, one head, two queries, three keys.
    weights = torch.tensor([[[[1.0, 0.0, 0.0], [0.25, 0.25, 0.5]]]])
    statistics = compute_statistics(weights, special=[True, False, False], punctuation=[False, False, True])
    log = torch.log(torch.tensor(2.0)).item()
    assert statistics.entropy.item() == pytest.approx((0 + 1.5 * log) / 2)  # 2 x 0.25 log 4 + 0.5 log 2
    assert statistics.confidence.item() == pytest.approx(0.75)
    # Keys at 0, 0.5 and 1 of the queries' length: the first query 0 away, the second 0.25 x 1 + 0.25 x 0.5.
    assert statistics.distance.item() == pytest.approx(0.375 / 2)
    assert statistics.special.item() == pytest.approx(0.625)
    assert statistics.punctuation.item() == pytest.approx(0.25)


def test_statistics_of_one_position_are_no_error():
    statistics = compute_statistics(torch.ones(2, 3, 1, 1), special=[True], punctuation=[False])
    assert statistics.entropy.shape == (2, 3) and not statistics.entropy.any() and not statistics.distance.any()

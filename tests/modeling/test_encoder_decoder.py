"""The model: its loss against a brute force, causality, padding, the cache, the special tokens."""

import pytest
import torch
from transformers import EncoderDecoderModel

from seq2seq.families.configs import set_dropout
from seq2seq.modeling.token_loss import IGNORED_LABEL
from tests.conftest import shake

SOURCES = torch.tensor([[6, 7, 8, 9], [10, 11, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
LABELS = torch.tensor([[8, 9, 10, 3], [11, 3, IGNORED_LABEL, IGNORED_LABEL]])


@pytest.fixture
def model(started):
    shake(started.model)
    return started.model


def full_logits(model, sources, mask, decoder_inputs):
    return model(input_ids=sources, attention_mask=mask, decoder_input_ids=decoder_inputs).logits


def test_loss_equals_the_sum_over_real_positions_of_the_full_logits(model):
    logits = full_logits(model, SOURCES, MASK, torch.tensor([[2, 8, 9, 10], [2, 11, 3, 0]]))
    log_probabilities = logits.log_softmax(-1)
    positions = [(0, 0, 8), (0, 1, 9), (0, 2, 10), (0, 3, 3), (1, 0, 11), (1, 1, 3)]
    expected = -sum(log_probabilities[position].item() for position in positions)
    loss = model(input_ids=SOURCES, attention_mask=MASK, labels=LABELS)
    assert loss.objective.item() == pytest.approx(expected, rel=1e-5)


def test_loss_equals_that_of_plain_transformers_times_its_tokens(model):
    plain = EncoderDecoderModel.forward(model, input_ids=SOURCES, attention_mask=MASK, labels=LABELS)
    ours = model(input_ids=SOURCES, attention_mask=MASK, labels=LABELS)
    assert ours.objective.item() == pytest.approx(6 * plain.loss.item(), rel=1e-5)


def test_loss_of_a_batch_is_the_sum_of_its_examples(model):
    whole = model(input_ids=SOURCES, attention_mask=MASK, labels=LABELS).objective
    first = model(input_ids=SOURCES[:1], attention_mask=MASK[:1], labels=LABELS[:1]).objective
    second = model(input_ids=SOURCES[1:, :2], attention_mask=MASK[1:, :2], labels=LABELS[1:, :2]).objective
    assert whole.item() == pytest.approx((first + second).item(), rel=1e-5)


def test_padded_sources_without_a_mask_give_the_loss_with_one(model):
    with_mask = model(input_ids=SOURCES, attention_mask=MASK, labels=LABELS).objective
    assert model(input_ids=SOURCES, labels=LABELS).objective.item() == pytest.approx(with_mask.item())


def test_labels_of_padding_alone_weigh_nothing(model):
    labels = torch.full((1, 1), IGNORED_LABEL)
    loss = model(input_ids=torch.zeros(1, 1, dtype=torch.long), attention_mask=torch.ones(1, 1), labels=labels)
    loss.objective.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert loss.objective.item() == 0
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


def test_labels_are_shifted_behind_the_begin_mark(model):
    assert model.shift_right(LABELS).tolist() == [[2, 8, 9, 10], [2, 11, 3, 0]]


def test_decoder_sees_nothing_behind_a_position(model):
    first = full_logits(model, SOURCES, MASK, torch.tensor([[2, 8, 9, 10], [2, 8, 9, 10]]))
    other = full_logits(model, SOURCES, MASK, torch.tensor([[2, 8, 9, 11], [2, 8, 20, 21]]))
    assert torch.allclose(first[0, :3], other[0, :3], atol=1e-6)
    assert torch.allclose(first[1, :2], other[1, :2], atol=1e-6)
    assert not torch.allclose(first[1, 2], other[1, 2], atol=1e-3)


def test_cached_steps_equal_uncached_ones(model):
    inputs = torch.tensor([[2, 8, 9, 10, 12], [2, 11, 7, 6, 6]])
    whole = full_logits(model, SOURCES, MASK, inputs)
    states = model.encoder(input_ids=SOURCES, attention_mask=MASK)
    cache, steps = None, []
    for position in range(inputs.shape[1]):
        output = model(
            encoder_outputs=states, attention_mask=MASK, decoder_input_ids=inputs[:, position : position + 1],
            past_key_values=cache, use_cache=True,
        )  # fmt: skip
        cache = output.past_key_values
        steps.append(output.logits[:, 0])
    assert torch.allclose(torch.stack(steps, 1), whole, atol=1e-4)


def test_padding_of_the_source_changes_nothing(model):
    wide = torch.tensor([[10, 11, 0, 0, 0, 0]])
    inputs = torch.tensor([[2, 8, 9]])
    assert torch.allclose(
        full_logits(model, wide, wide.ne(0).long(), inputs),
        full_logits(model, wide[:, :2], torch.ones(1, 2), inputs),
        atol=1e-4,
    )


def test_special_tokens_stand_in_every_config(started):
    model = started.model
    for config in (model.config, model.config.decoder, model.generation_config):
        assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (2, 3, 0)
    assert model.config.encoder.pad_token_id == 0
    assert model.config.decoder_start_token_id == model.generation_config.decoder_start_token_id == 2


def test_dropout_is_set_on_both_sides(started):
    set_dropout(started.model.config, 0.25)
    for side in (started.model.config.encoder, started.model.config.decoder):
        assert (side.hidden_dropout_prob, side.attention_probs_dropout_prob) == (0.25, 0.25)


def test_unknown_arguments_beside_labels_are_refused(model):
    with pytest.raises(TypeError, match=r"found \['atention_mask'\]"):
        model(input_ids=SOURCES, atention_mask=MASK, labels=LABELS)

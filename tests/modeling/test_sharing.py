"""Sharing: parameters are one, modules are not."""

import pytest

from seq2seq import warm_start
from seq2seq.modeling.sharing import map_shared_names
from tests.conftest import shake

TABLE = "encoder.embeddings.word_embeddings.weight"


@pytest.fixture(params=["bert2bert", "bertshare"])
def model(request, tiny_bert):
    return warm_start(plan=request.param, encoder=str(tiny_bert)).model


def test_one_table_serves_encoder_decoder_and_output_layer(model):
    shared = map_shared_names(model)
    assert shared["decoder.bert.embeddings.word_embeddings.weight"] == TABLE
    assert shared["decoder.lm_head.decoder.weight"] == TABLE


def test_bert2bert_shares_the_table_and_the_second_name_of_the_output_bias_alone(tiny_bert):
    shared = map_shared_names(warm_start(plan="bert2bert", encoder=str(tiny_bert)).model)
    assert set(shared.values()) == {TABLE, "decoder.lm_head.bias"}


def test_bertshare_leaves_the_decoder_its_cross_attention_and_output_bias(tiny_bert):
    model = warm_start(plan="bertshare", encoder=str(tiny_bert)).model
    own = {name for name, _ in model.named_parameters() if name.startswith("decoder.")}
    assert all(".crossattention." in name or ".lm_head." in name for name in own)
    assert sum(".crossattention." in name for name in own) == 2 * 10  # layers x (4 products, 1 norm) x (weight, bias)


def test_shared_layers_are_one_parameter_in_two_modules(tiny_bert):
    model = warm_start(plan="bertshare", encoder=str(tiny_bert)).model
    encoder, decoder = model.encoder.encoder.layer[0].attention, model.decoder.bert.encoder.layer[0].attention
    assert encoder.self.query.weight is decoder.self.query.weight
    assert encoder.self is not decoder.self
    assert (encoder.self.is_causal, decoder.self.is_causal) == (False, True)


def test_sharing_survives_tie_weights(model):
    before = map_shared_names(model)
    shake(model)
    model.tie_weights()
    assert map_shared_names(model) == before

"""Families that differ from BART: their limits, their output layer, and those that cannot train.

Losses of BART, mBART, T5 and Marian have their tests in tests/test_pretrained.py.
"""

import pytest
import torch
from torch.nn import functional
from transformers import BartConfig, BertConfig, FSMTConfig, FSMTForConditionalGeneration, LEDConfig, ProphetNetConfig

from seq2seq.modeling.build import build_model
from seq2seq.modeling.parts import map_parts
from seq2seq.modeling.sharing import Sharing

ALONE = Sharing(embeddings=False, layers=False)
SHAPE = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "init_std": 0.3,
}  # fmt: skip


def test_one_table_of_positions_limits_both_sides():
    model = build_model(BartConfig(vocab_size=99, max_position_embeddings=32, **SHAPE), ALONE)
    assert (model.max_source_positions, model.max_target_positions) == (32, 32)


def test_two_tables_of_positions_are_two_limits():
    positions = {"max_encoder_position_embeddings": 48, "max_decoder_position_embeddings": 24, "attention_window": 8}
    model = build_model(LEDConfig(vocab_size=99, **positions, **SHAPE), ALONE)
    assert (model.max_source_positions, model.max_target_positions) == (48, 24)


def test_output_layer_that_is_also_the_input_table_gives_the_same_loss():
    config = FSMTConfig(langs=["en", "de"], src_vocab_size=99, tgt_vocab_size=99, **SHAPE)
    model = build_model(config, ALONE).eval()
    source, labels = torch.tensor([[5, 6, 7, 2]]), torch.tensor([[8, 9, 2]])
    inputs = torch.tensor([[config.decoder_start_token_id, 8, 9]])
    with torch.no_grad():
        logits = FSMTForConditionalGeneration.forward(model, source, decoder_input_ids=inputs, use_cache=False).logits
        loss = model(input_ids=source, labels=labels).objective
    assert loss.item() == pytest.approx(
        functional.cross_entropy(logits[0], labels[0], reduction="sum").item(), rel=1e-5
    )


def test_tables_of_a_family_whose_sides_are_no_models_are_counted():
    model = build_model(FSMTConfig(langs=["en", "de"], src_vocab_size=99, tgt_vocab_size=90, **SHAPE), ALONE)
    assert (model.source_rows, model.target_rows) == (99, 90)
    tables = [name for name, part in map_parts(model).items() if part == "embeddings"]
    assert tables == ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"]


def test_family_whose_decoder_sees_the_future_is_refused():
    with pytest.raises(ValueError, match="'prophetnet' is refused: .* logits change with later target tokens"):
        build_model(ProphetNetConfig(), ALONE)


def test_family_that_writes_no_text_is_refused():
    with pytest.raises(ValueError, match="'bert' is no encoder-decoder that writes text"):
        build_model(BertConfig(), ALONE)

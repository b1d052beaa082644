"""inputs.json: histograms of lengths, and which checkpoints are the hub's."""

import numpy
import pytest
from transformers import BertConfig, EncoderDecoderConfig, T5Config

from seq2seq.runs.inputs import count_lengths, hands_over_encoder, list_hub_models
from seq2seq.warmstart.options import ModelOptions


@pytest.mark.parametrize(
    ("lengths", "limit", "expected"),
    [
        ([1, 2, 2, 5], 64, {"bin_tokens": 1, "counts": [1, 2, 0, 0, 1]}),
        ([1, 2, 2, 5], 128, {"bin_tokens": 2, "counts": [3, 0, 1]}),  # 1-2, 3-4, 5-6
        ([129], 129, {"bin_tokens": 3, "counts": [0] * 42 + [1]}),
    ],
)
def test_lengths_are_counted_in_bins(lengths, limit, expected):
    assert count_lengths(numpy.array(lengths, dtype=numpy.int32), limit) == expected


def test_folders_and_embedded_checkpoints_are_not_the_hubs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/bert").mkdir(parents=True)
    options = ModelOptions(plan="bert2gpt", encoder="models/bert", decoder="some/gpt2")
    assert list_hub_models(options) == {"decoder": "some/gpt2"}
    assert list_hub_models(ModelOptions(plan="bert2bert", encoder="embedded:quickstart-bert")) == {}


def test_encoder_of_t5_is_told_from_a_whole_t5():
    decoder = BertConfig(is_decoder=True)
    assert hands_over_encoder(EncoderDecoderConfig.from_encoder_decoder_configs(T5Config(), decoder))
    assert not hands_over_encoder(EncoderDecoderConfig.from_encoder_decoder_configs(BertConfig(), decoder))
    assert not hands_over_encoder(T5Config())

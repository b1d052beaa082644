"""Encoder-decoders of transformers beside those with tests of their own: its loss, and its texts.

The expected ones are those of transformers' own class with the same weights.
"""

import pytest
import torch
from transformers import (
    BigBirdPegasusConfig,
    BlenderbotConfig,
    BlenderbotSmallConfig,
    FSMTConfig,
    LEDConfig,
    LongT5Config,
    M2M100Config,
    MT5Config,
    MvpConfig,
    NllbMoeConfig,
    PegasusXConfig,
    PLBartConfig,
    UMT5Config,
)

from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from seq2seq.modeling.build import build_model
from seq2seq.modeling.sharing import Sharing

POSITIONS = 64
LIKE_BART = {
    "vocab_size": 99, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "init_std": 0.3,
    "max_position_embeddings": POSITIONS,
}  # fmt: skip
LIKE_T5 = {
    "vocab_size": 99, "d_model": 32, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_heads": 4,
    "decoder_start_token_id": 0, "initializer_factor": 3.0,
}  # fmt: skip
OF_LED = {
    "attention_window": [4, 4],
    "max_encoder_position_embeddings": POSITIONS,
    "max_decoder_position_embeddings": POSITIONS,
}
OF_FSMT = {"langs": ["en", "de"], "src_vocab_size": 99, "tgt_vocab_size": 99}
CONFIGS = {
    "bigbird_pegasus": (BigBirdPegasusConfig, LIKE_BART | {"attention_type": "original_full"}),
    "blenderbot": (BlenderbotConfig, LIKE_BART),
    "blenderbot-small": (BlenderbotSmallConfig, LIKE_BART),
    "fsmt": (FSMTConfig, LIKE_BART | OF_FSMT),
    "led": (LEDConfig, LIKE_BART | OF_LED),
    "longt5": (LongT5Config, LIKE_T5),
    "m2m_100": (M2M100Config, LIKE_BART),
    "mt5": (MT5Config, LIKE_T5),
    "mvp": (MvpConfig, LIKE_BART),
    "nllb-moe": (NllbMoeConfig, LIKE_BART),
    "pegasus_x": (PegasusXConfig, LIKE_BART),
    "plbart": (PLBartConfig, LIKE_BART | {"decoder_start_token_id": 2}),
    "umt5": (UMT5Config, LIKE_T5),
}
SOURCES = [[5, 6, 7, 8, 9, 2], [6, 7, 8, 2], [7, 8, 5, 6, 9, 2]]
LABELS = [[5, 6, 2], [7, 2, -100], [8, 9, 2]]


@pytest.fixture(params=CONFIGS)
def built(request):
    """A model of ours, and transformers' own with the same weights."""
    config_class, settings = CONFIGS[request.param]
    torch.manual_seed(0)
    model = build_model(config_class(**settings), Sharing(embeddings=False, layers=False)).eval()
    published = model.published_class(model.config)
    published.load_state_dict(model.state_dict())
    return model, published.eval()


def pad(model, sources):
    width = max(map(len, sources))
    mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids in sources])
    return torch.tensor([ids + [model.source_pad_id] * (width - len(ids)) for ids in sources]), mask


@pytest.mark.parametrize("sources", [SOURCES, [ids[:4] for ids in SOURCES]], ids=["padded", "full"])
def test_loss_and_texts_are_those_of_transformers(built, sources):
    model, published = built
    ids, mask = pad(model, sources)
    labels = torch.tensor(LABELS)
    with torch.no_grad():
        logits = published(
            input_ids=ids, attention_mask=mask, decoder_input_ids=model.shift_right(labels), use_cache=False
        ).logits
        expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).objective
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    written = TransformersEngine(model).generate(sources, GenerationOptions(num_beams=1, max_target_tokens=10))
    plain = published.generate(
        input_ids=ids,
        attention_mask=mask,
        num_beams=1,
        max_new_tokens=10,
        decoder_start_token_id=model.config.decoder_start_token_id,
        pad_token_id=model.config.pad_token_id,
    )
    for hypotheses, row in zip(written, plain.tolist(), strict=True):
        assert hypotheses[0].ids == row[1 : 1 + len(hypotheses[0].ids)]

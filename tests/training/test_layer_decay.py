"""Layer-wise decay of learning rates: by hand on models of two layers a side, where a layer down is half the rate."""

import pytest
from transformers import BartConfig

from seq2seq import warm_start
from seq2seq.base.errors import TrainingError
from seq2seq.checkpoints.folder import read_checkpoint
from seq2seq.modeling.build import build_model
from seq2seq.modeling.sharing import Sharing
from seq2seq.training.layer_decay import compute_layer_factors
from seq2seq.training.optimizers import build_optimizer
from seq2seq.training.options import TrainingOptions
from seq2seq.warmstart.origin import report_loaded
from tests.families import save_family
from tests.published import save_published


def start_factors(**options) -> dict[str, float]:
    """The factors of a started model's parameters with decay 0.5."""
    started = warm_start(**options)
    return compute_layer_factors(started.model, started.origin.learning_rate_groups(), 0.5)


def load_factors(folder) -> dict[str, float]:
    """The same for a published model."""
    model = read_checkpoint(folder).model
    groups = report_loaded("pretrained", model, "file", ()).learning_rate_groups()
    return compute_layer_factors(model, groups, 0.5)


def pick(factors: dict[str, float], *marks: str) -> set[float]:
    """The factors of the parameters whose names have all the marks."""
    picked = {factor for name, factor in factors.items() if all(mark in name for mark in marks)}
    assert picked, marks
    return picked


def test_each_layer_down_has_the_factor_once_more_and_tables_stand_below_the_first(tiny_bert):
    factors = start_factors(plan="bert2bert", encoder=str(tiny_bert))
    assert pick(factors, "encoder.encoder.layer.1.") == {1.0}
    assert pick(factors, "encoder.encoder.layer.0.") == {0.5}
    assert pick(factors, "encoder.embeddings.") == {0.25}
    assert pick(factors, "decoder.bert.encoder.layer.1.attention.") == {1.0}
    assert pick(factors, "decoder.bert.encoder.layer.0.attention.") == {0.5}
    assert pick(factors, "decoder.bert.embeddings.position") == {0.25}


def test_cross_attention_and_random_parameters_do_not_decay(tiny_bert):
    warm = start_factors(plan="bert2bert", encoder=str(tiny_bert))
    assert pick(warm, ".crossattention.") == {1.0}
    half = start_factors(plan="bert2rnd", encoder=str(tiny_bert))
    assert pick(half, "decoder.") == {1.0}
    assert pick(half, "encoder.encoder.layer.0.") == {0.5}


def test_shared_layers_have_one_factor(tiny_bert):
    factors = start_factors(plan="bertshare", encoder=str(tiny_bert))
    assert pick(factors, "encoder.encoder.layer.0.") == {0.5}
    assert not any(name.startswith("decoder.bert.encoder.layer.0.attention.") for name in factors)


def test_sides_of_unequal_depth_count_from_their_own_top(tiny_bert, tmp_path):
    gpt2 = save_family(tmp_path / "gpt2", "gpt2", head=True, num_hidden_layers=3)
    factors = start_factors(plan="bert2gpt", encoder=str(tiny_bert), decoder=str(gpt2))
    assert pick(factors, "decoder.transformer.ln_f.") == pick(factors, "decoder.transformer.h.2.attn.") == {1.0}
    assert pick(factors, "decoder.transformer.h.0.attn.") == {0.25}
    assert pick(factors, "decoder.transformer.wte.") == pick(factors, "decoder.transformer.wpe.") == {0.125}
    assert pick(factors, "encoder.embeddings.") == {0.25}


@pytest.mark.parametrize(
    ("family", "layers", "attention", "tables", "top"),
    [
        (
            "bart",
            "layers",
            "self_attn",
            ["model.shared", "embed_positions", "layernorm_embedding"],
            None,
        ),
        ("mbart", "layers", "self_attn", ["model.shared", "decoder.embed_positions"], "encoder.layer_norm"),
        ("t5", "block", "SelfAttention", ["shared.weight"], "decoder.final_layer_norm"),
        ("marian", "layers", "self_attn", ["model.shared"], None),
    ],
)
def test_layers_of_published_models_decay(tmp_path, family, layers, attention, tables, top):
    (tmp_path / family).mkdir()
    factors = load_factors(save_published(tmp_path / family, family))
    for side in ("encoder", "decoder"):
        assert pick(factors, f"{side}.{layers}.0.", f".{attention}.") == {0.5}
        assert pick(factors, f"{side}.{layers}.1.") == {1.0}
    for table in tables:
        assert pick(factors, table) == {0.25}
    if top:
        assert pick(factors, top) == {1.0}


@pytest.mark.parametrize(
    ("family", "table"),
    [
        ("mpnet", "encoder.relative_attention_bias"), ("deberta", "encoder.rel_embeddings"),
        ("electra", "embeddings_project"), ("distilbert", "embeddings.position_embeddings"),
        ("modernbert", "embeddings.norm"),
    ],
)  # fmt: skip
def test_what_stands_below_the_first_layer_of_an_encoder(tiny_bert, tmp_path, family, table):
    folder = save_family(tmp_path / family, family)
    factors = start_factors(plan="pair", encoder=str(folder), decoder=str(tiny_bert), convert=False)
    assert pick(factors, f"encoder.{table}") == {0.25}


def test_layers_that_are_one_are_refused_where_they_came_warm(tiny_bert, tmp_path):
    albert = save_family(tmp_path / "albert", "albert")
    with pytest.raises(TrainingError, match=r"training\.layer_decay: model_type 'albert' \(encoder\) has no list"):
        start_factors(plan="pair", encoder=str(albert), decoder=str(tiny_bert), convert=False)


def test_peaks_of_the_optimizer_decay():
    shape = {"d_model": 8, "encoder_layers": 2, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    model = build_model(BartConfig(vocab_size=20, **shape, **heads), Sharing(embeddings=False, layers=False))
    options = TrainingOptions(max_steps=10, learning_rate=8.0, layer_decay=0.5)
    optimizer = build_optimizer(model, {}, options)
    peaks = {name: group["peak"] for group in optimizer.param_groups for name in group["names"]}
    assert peaks["model.encoder.layers.1.fc1.weight"] == 8.0
    assert peaks["model.encoder.layers.0.fc1.weight"] == 4.0
    assert peaks["model.encoder.embed_positions.weight"] == 2.0
    assert peaks["model.decoder.layers.0.fc1.weight"] == 8.0
    assert peaks["model.decoder.embed_positions.weight"] == 4.0

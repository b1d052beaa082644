"""No parameter that requires gradient goes without one: processes would wait for each other for ever.

Of every plan and every published family, in training mode; pairs of families have their own test in test_pairs.py.
"""

from functools import partial

import numpy
import pytest
import torch
from torch import nn
from transformers import LEDConfig

from seq2seq import warm_start
from seq2seq.checkpoints.folder import read_checkpoint
from seq2seq.data.collation import collate
from seq2seq.families.bert import ROBERTA
from seq2seq.families.gpt2 import GPT2
from seq2seq.modeling.build import build_model
from seq2seq.modeling.sharing import Sharing
from seq2seq.modeling.token_loss import IGNORED_LABEL, TokenLossModel
from seq2seq.sources.padding import collate_ids
from seq2seq.warmstart.plans import PLANS
from tests.families import save_family
from tests.published import FAMILIES, save_published


def find_unused(model: TokenLossModel, **batch: torch.Tensor) -> list[str]:
    """Trained parameters without a gradient after a micro-batch; none given: the empty one that fills up."""
    model.train().zero_grad()
    batch = batch or collate(None, numpy.array([], dtype=int), partial(collate_ids, pad_id=model.source_pad_id))
    model(**batch, label_smoothing=0.1).objective.backward()
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None]


def build_batch(model: TokenLossModel) -> dict[str, torch.Tensor]:
    sources = torch.tensor([[10, 11, 12, 13], [14, 15, model.source_pad_id, model.source_pad_id]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    labels = torch.tensor([[16, 17, 18], [19, IGNORED_LABEL, IGNORED_LABEL]])
    return {"input_ids": sources, "attention_mask": mask, "labels": labels}


def is_trained(model: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in model.parameters())


@pytest.fixture(scope="module")
def checkpoints(tiny_bert, tmp_path_factory):
    """A folder of each family that a plan names."""
    folder = tmp_path_factory.mktemp("families")
    families = {"roberta": save_family(folder / "roberta", "roberta", head=True)}
    return families | {"bert": tiny_bert, "gpt2": save_family(folder / "gpt2", "gpt2", head=True)}


@pytest.mark.parametrize("plan", PLANS)
def test_every_parameter_of_a_plan_is_used(checkpoints, plan):
    encoder = "roberta" if PLANS[plan].encoder == (ROBERTA,) or plan == "robertashare" else "bert"
    decoder = checkpoints["gpt2"] if PLANS[plan].decoder == (GPT2,) else None
    model = warm_start(plan=plan, encoder=str(checkpoints[encoder]), decoder=decoder and str(decoder)).model
    assert is_trained(model)
    assert find_unused(model, **build_batch(model)) == []
    assert find_unused(model) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_of_a_published_model_is_used(tmp_path, family):
    (tmp_path / family).mkdir()
    languages = {"source_language": "en_XX", "target_language": "de_DE"} if family.startswith("mbart") else {}
    model = read_checkpoint(save_published(tmp_path / family, family), **languages).model
    assert is_trained(model)
    assert find_unused(model, **build_batch(model)) == []
    assert find_unused(model) == []


def test_attention_of_marked_tokens_of_an_led_is_frozen_for_sources_have_none():
    shape = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "attention_window": 4}
    config = LEDConfig(vocab_size=20, **shape, **heads)
    model = build_model(config, Sharing(embeddings=False, layers=False))
    frozen = {name.split(".")[-2] for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {"query_global", "key_global", "value_global"}
    assert find_unused(model, **build_batch(model)) == []
    assert find_unused(model) == []

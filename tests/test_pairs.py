"""Pairs of families: each encoder and each decoder against one partner, and some across families and widths.

Own classes throughout (convert: false), so that every family is itself; conversion has its own tests.
"""

import json
from copy import deepcopy
from functools import cache, partial
from pathlib import Path

import numpy
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional
from transformers import AutoConfig, AutoTokenizer, EncoderDecoderModel, GenerationConfig, T5EncoderModel

from seq2seq import generate, train, warm_start
from seq2seq.base.errors import RecipeError, WarmStartError
from seq2seq.checkpoints.folder import read_checkpoint, write_checkpoint
from seq2seq.data.collation import collate
from seq2seq.recipe.recipe import build_recipe
from seq2seq.reports.usage import list_plain_use_lines
from seq2seq.runs.inputs import hands_over_encoder
from seq2seq.sources.padding import collate_ids
from seq2seq.text.tokenizer_files import TARGET_FOLDER
from seq2seq.warmstart.start import WarmStart
from tests.conftest import build_description, shake
from tests.families import DECODERS, ENCODERS, REFUSED_DECODERS, REFUSED_ENCODERS, save_family

# Encoder, its width, decoder, its width.
ACROSS = [
    ("deberta-v2", 48, "gpt2", 32),
    ("t5", 32, "roberta", 48),
    ("modernbert", 48, "electra", 32),
    ("xlm-roberta", 32, "rembert", 32),
    ("albert", 32, "bert-generation", 48),
]
PAIRS = (
    [(family, 32, "bert", 32) for family in ENCODERS] + [("bert", 32, family, 32) for family in DECODERS[1:]] + ACROSS
)
TEXTS = [
    "the big cat sat on the mat", "a dog ran", "fish swam and birds flew over the red tree by the sea", "red",
    "x y z ! ?", "sea sea sea", "the a the a the a", "big red fish sat . small red birds ran .",
]  # fmt: skip
all_pairs = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "{}-{}-{}-{}".format(*pair))


@pytest.fixture(scope="module")
def start_pair(tmp_path_factory):
    """A function that starts a pair once; its model must not be changed."""

    @cache
    def folder(family: str, width: int, head: bool) -> Path:
        return save_family(tmp_path_factory.mktemp(family), family, width=width, head=head)

    @cache
    def start(pair: tuple[str, int, str, int]) -> WarmStart:
        encoder, decoder = folder(pair[0], pair[1], False), folder(pair[2], pair[3], True)
        started = warm_start(plan="pair", encoder=str(encoder), decoder=str(decoder), convert=False)
        shake(started.model, 0.1, seed=1)
        return started

    return start


def draw_batch(started: WarmStart, rows: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sources of 9, 6 and 3 tokens with padding, their mask, and targets of 5 tokens."""
    encoder, decoder = started.model.config.encoder, started.model.config.decoder
    generator = torch.Generator().manual_seed(3)
    sources = torch.randint(8, encoder.vocab_size, (rows, 9), generator=generator)
    mask = torch.arange(9)[None] < torch.tensor([9, 6, 3])[:rows, None]
    sources = sources.masked_fill(~mask, encoder.pad_token_id)
    return sources, mask.long(), torch.randint(8, decoder.vocab_size - 2, (rows, 5), generator=generator)


def compute_logits(model, sources, mask, targets, **inputs) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=sources, attention_mask=mask, decoder_input_ids=targets, **inputs).logits


@all_pairs
def test_loss_is_that_of_one_by_one_and_every_trained_parameter_has_a_gradient(start_pair, pair):
    started = start_pair(pair)
    model = deepcopy(started.model)
    sources, mask, targets = draw_batch(started)
    labels = targets.masked_fill(torch.arange(5)[None] >= torch.tensor([5, 3, 1])[:, None], -100)
    loss = model(input_ids=sources, attention_mask=mask, labels=labels).objective
    loss.backward()
    expected = 0.0
    for source, real, target in zip(sources, mask.bool(), labels, strict=True):
        target = target[target != -100]
        inputs = torch.cat([torch.tensor([model.config.decoder_start_token_id]), target[:-1]])
        logits = compute_logits(model, source[real][None], mask.new_ones(1, int(real.sum())), inputs[None])
        expected += functional.cross_entropy(logits[0], target, reduction="sum").item()
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert [name for name, parameter in trained.items() if parameter.grad is None] == []
    assert all(torch.isfinite(parameter.grad).all() for parameter in trained.values())


@all_pairs
def test_filling_micro_batch_gives_every_trained_parameter_a_gradient_of_zero(start_pair, pair):
    """Under several processes every parameter takes part in every step, or all of them wait for ever."""
    model = deepcopy(start_pair(pair).model).train()
    model(
        **collate(None, numpy.array([], dtype=int), partial(collate_ids, pad_id=model.source_pad_id))
    ).objective.backward()
    trained = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert [name for name, gradient in trained.items() if gradient is None or gradient.any()] == []


@all_pairs
def test_later_target_tokens_change_nothing_before_them(start_pair, pair):
    started = start_pair(pair)
    sources, mask, targets = draw_batch(started)
    changed = targets.clone()
    changed[:, 3:] = targets[:, :2]
    first, second = (compute_logits(started.model, sources, mask, ids)[:, :3] for ids in (targets, changed))
    assert torch.allclose(first, second, atol=1e-5)


@all_pairs
def test_padding_changes_nothing(start_pair, pair):
    started = start_pair(pair)
    sources, mask, targets = draw_batch(started)
    together = compute_logits(started.model, sources, mask, targets)
    alone = [
        compute_logits(started.model, source[real][None], mask.new_ones(1, int(real.sum())), target[None])
        for source, real, target in zip(sources, mask.bool(), targets, strict=True)
    ]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)


@all_pairs
def test_cached_steps_equal_uncached_ones(start_pair, pair):
    started = start_pair(pair)
    sources, mask, targets = draw_batch(started)
    whole = compute_logits(started.model, sources, mask, targets, use_cache=False)
    cache, steps = None, []
    for position in range(targets.shape[1]):
        with torch.no_grad():
            step = started.model(
                input_ids=sources,
                attention_mask=mask,
                decoder_input_ids=targets[:, position : position + 1],
                past_key_values=cache,
                use_cache=True,
            )
        cache = step.past_key_values
        steps.append(step.logits)
    assert torch.allclose(whole, torch.cat(steps, dim=1), atol=1e-4)


@pytest.fixture(scope="module")
def written(start_pair, tmp_path_factory):
    """A function that starts a pair and writes its checkpoint, once."""

    @cache
    def write(pair: tuple[str, int, str, int]) -> Path:
        started = start_pair(pair)
        folder = tmp_path_factory.mktemp("checkpoint") / "pair"
        write_checkpoint(folder, started.model, started.tokenizers, build_description(started))
        return folder

    return write


@all_pairs
def test_saved_and_reloaded_pair_is_the_same(start_pair, written, pair):
    model, again = start_pair(pair).model, read_checkpoint(written(pair)).model
    names = dict(model.named_parameters(remove_duplicate=False))
    reloaded = dict(again.named_parameters(remove_duplicate=False))
    assert names.keys() == reloaded.keys()
    assert [name for name in names if not torch.equal(names[name], reloaded[name])] == []
    batch = draw_batch(start_pair(pair))
    assert torch.equal(compute_logits(model, *batch), compute_logits(again, *batch))


def load_plain(folder: Path) -> EncoderDecoderModel:
    """Plain transformers; a T5 encoder has to be handed over, since AutoModel takes its config for a whole T5."""
    config = AutoConfig.from_pretrained(folder)
    if config.encoder.model_type != "t5":
        return EncoderDecoderModel.from_pretrained(folder).eval()
    model = EncoderDecoderModel(config, encoder=T5EncoderModel(config.encoder))
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    model.generation_config = GenerationConfig.from_pretrained(folder)
    return model.eval()


@all_pairs
def test_plain_transformers_writes_the_same_text_from_raw_text(written, pair):
    folder = written(pair)
    source = AutoTokenizer.from_pretrained(folder)
    target = AutoTokenizer.from_pretrained(folder / TARGET_FOLDER) if (folder / TARGET_FOLDER).exists() else source
    inputs = source(TEXTS, return_tensors="pt", padding=True)
    ids = load_plain(folder).generate(**inputs)
    texts = [text.strip() for text in target.batch_decode(ids, skip_special_tokens=True)]
    assert texts == generate(folder, TEXTS)
    assert len(set(texts)) > 1


@pytest.mark.parametrize("family", ["t5", "umt5"])
def test_code_of_the_card_hands_over_the_encoder_of_its_own_class(tiny_bert, tmp_path, family, capsys):
    encoder = save_family(tmp_path / family, family)
    started = warm_start(plan="pair", encoder=str(encoder), decoder=str(tiny_bert))
    shake(started.model, 0.1, seed=1)
    write_checkpoint(tmp_path / "pair", started.model, started.tokenizers, build_description(started))
    model = {
        "class": "EncoderDecoderModel",
        "hands_over_t5_encoder": hands_over_encoder(started.model.config),
        "two_tokenizers": True,
    }
    *_, code = list_plain_use_lines(model, "run", str(tmp_path / "pair"))
    exec(code.removeprefix("```python\n").removesuffix("\n```").replace("A text.", TEXTS[0]), {})
    [written] = eval(capsys.readouterr().out)
    assert written.strip() == generate(tmp_path / "pair", TEXTS[:1])[0]


@all_pairs
def test_one_training_step_in_bf16_goes_where_the_float32_step_goes(start_pair, pair):
    started = start_pair(pair)
    sources, mask, targets = draw_batch(started)
    gradients = {}
    for precision in (torch.float32, torch.bfloat16):
        model = deepcopy(started.model)  # in evaluation mode: dropout would draw other masks
        with torch.autocast("cpu", precision, enabled=precision == torch.bfloat16):
            loss = model(input_ids=sources, attention_mask=mask, labels=targets).objective
        loss.backward()
        gradients[precision] = torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad])
    # Rounding to eight bits of mantissa, through a few layers.
    assert functional.cosine_similarity(*gradients.values(), dim=0) > 0.99
    torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3).step()
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@pytest.mark.parametrize("family", REFUSED_ENCODERS)
def test_encoder_that_cannot_serve_is_refused_with_reason_and_advice(tiny_bert, tmp_path, family):
    folder = save_family(tmp_path / family, family)
    with pytest.raises(WarmStartError, match=r"model\.encoder: .* cannot be the encoder: it .+\. Use bert"):
        warm_start(plan="pair", encoder=str(folder), decoder=str(tiny_bert))


@pytest.mark.parametrize("family", REFUSED_DECODERS)
def test_decoder_that_cannot_serve_is_refused_with_reason_and_advice(tiny_bert, tmp_path, family):
    folder = save_family(tmp_path / family, family)
    with pytest.raises(WarmStartError, match=r"model\.decoder: .* cannot be the decoder: it .+\. Use bert"):
        warm_start(plan="pair", encoder=str(tiny_bert), decoder=str(folder))


@pytest.mark.parametrize("family", DECODERS)
def test_shared_pair_is_one_set_of_layers_and_survives_its_checkpoint(tmp_path, family):
    folder = save_family(tmp_path / family, family, head=True)
    options = {"plan": "pair", "encoder": str(folder), "convert": False}
    if family == "gpt2":  # it cannot be the encoder of a pair
        with pytest.raises(WarmStartError, match=r"model\.encoder: .* does not look ahead"):
            warm_start(**options, share=True)
        return
    apart, started = warm_start(**options), warm_start(**options, share=True)
    encoder = sum(parameter.numel() for parameter in apart.model.encoder.parameters())
    table = apart.model.encoder.get_input_embeddings().weight.numel()
    assert apart.origin.totals()["total"] - started.origin.totals()["total"] == encoder - table
    shake(started.model, 0.1, seed=1)
    write_checkpoint(tmp_path / "checkpoint", started.model, started.tokenizers, build_description(started))
    again = read_checkpoint(tmp_path / "checkpoint").model
    assert len(list(again.parameters())) == len(list(started.model.parameters()))
    batch = draw_batch(started)
    expected = compute_logits(started.model, *batch)
    assert torch.equal(compute_logits(again, *batch), expected)
    assert torch.allclose(compute_logits(load_plain(tmp_path / "checkpoint"), *batch), expected, atol=1e-5)


def test_shared_pair_takes_one_checkpoint(tiny_bert, tmp_path):
    other = save_family(tmp_path / "other", "bert")
    with pytest.raises(WarmStartError, match="pair shares one checkpoint's parameters; leave model.decoder out"):
        warm_start(plan="pair", encoder=str(tiny_bert), decoder=str(other), share=True)


def test_limit_above_the_positions_is_refused_with_advice_that_works(tiny_bert, tmp_path):
    (tmp_path / "train.jsonl").write_text('{"source": "' + "the cat " * 50 + '", "target": "a dog ran"}\n')
    recipe = {
        "task": "summarization",
        "output": str(tmp_path / "run"),
        "model": {"plan": "bert2bert", "encoder": str(tiny_bert)},
        "data": {"train": [str(tmp_path / "train.jsonl")], "max_source_tokens": 100, "max_target_tokens": 64},
        "training": {"batch_examples": 1, "max_steps": 1},
        "generation": {"max_target_tokens": 16},
    }
    with pytest.raises(RecipeError, match="100 tokens .* has 64 positions.*or .* model.max_positions=100"):
        train(build_recipe(recipe))
    recipe["model"]["max_positions"] = 100
    origin = json.loads((train(build_recipe(recipe)) / "origin.json").read_text())
    notes = [row["note"] for row in origin["parameters"] if row["name"].endswith("position_embeddings.weight")]
    assert all("64 positions repeated up to 100" in note for note in notes)
    assert len(notes) == 2

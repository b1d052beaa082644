"""The plans by name: what each takes, builds and counts."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    BertGenerationDecoder,
    BertGenerationEncoder,
    GPT2LMHeadModel,
    GPT2Model,
    PreTrainedConfig,
    RobertaModel,
)

from seq2seq import warm_start
from seq2seq.base.errors import WarmStartError
from seq2seq.families.family import Family
from seq2seq.families.table import find_family
from seq2seq.modeling.build import build_model
from seq2seq.modeling.parts import map_parts
from seq2seq.modeling.sharing import map_shared_names
from seq2seq.text.tokenizers import decode_ids, encode_texts
from seq2seq.warmstart.filling import map_warm_names
from seq2seq.warmstart.options import ModelOptions
from seq2seq.warmstart.paper_table import COUNTED, PlanParameters
from seq2seq.warmstart.plans import PLANS, Plan
from seq2seq.warmstart.published_checkpoint import PublishedCheckpoint
from seq2seq.warmstart.start import build_config, build_sides, find_sharing
from tests.conftest import save_bert
from tests.families import save_family

# Encoder and decoder family of each plan; None: the encoder's.
CHECKPOINTS = {
    "rnd2rnd": ("bert", None),
    "bert2rnd": ("bert", None),
    "rnd2bert": ("bert", None),
    "bert2bert": ("bert", None),
    "bertshare": ("bert", None),
    "robertashare": ("roberta", None),
    "rnd2gpt": ("gpt2", None),
    "bert2gpt": ("bert", "gpt2"),
    "roberta2gpt": ("roberta", "gpt2"),
}
IDS = torch.tensor([[9, 10, 11, 12, 13]])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {
        family: str(save_family(tmp_path_factory.mktemp(family), family, head=True))
        for family in ("bert", "roberta", "xlm-roberta", "gpt2")
    }


@pytest.fixture
def start(folders):
    def start(plan, **options):
        encoder, decoder = CHECKPOINTS[plan]
        return warm_start(plan=plan, encoder=folders[encoder], decoder=decoder and folders[decoder], **options)

    return start


@pytest.mark.parametrize("plan", PLANS)
def test_every_plan_of_the_paper_starts_and_accounts_for_every_parameter(start, plan):
    started = start(plan)
    totals = started.origin.totals()
    assert totals["total"] == sum(parameter.numel() for parameter in started.model.parameters())
    assert totals["initialised"] + totals["random"] == totals["total"]
    by_side = {
        part: {row.kind for row in started.origin.parameters if row.part == part} for part in ("encoder", "decoder")
    }
    assert ("random" not in by_side["encoder"]) == PLANS[plan].warm_encoder
    assert ("random" not in by_side["decoder"]) == PLANS[plan].warm_decoder


def count_plan_parameters(
    plan: Plan, shape: Callable[[Family], PreTrainedConfig] = lambda family: family.base()
) -> PlanParameters:
    """Builds a plan's model, of base size or other shapes, on the meta device, without weights, and counts it."""
    families = plan.encoder if plan.warm_encoder or not plan.warm_decoder else plan.decoder
    encoder, decoder = (
        PublishedCheckpoint(family.name, Path(), shape(family)) for family in (families[0], plan.decoder[0])
    )
    rows = tuple(
        checkpoint.config.vocab_size + find_family(checkpoint.config).lacks_pad for checkpoint in (encoder, decoder)
    )
    sides = build_sides(plan, encoder, decoder, ModelOptions(plan=plan.name, encoder=encoder.name), rows=rows)
    with torch.device("meta"):
        model = build_model(build_config(*sides), find_sharing(plan))
    parts, further = map_parts(model), map_shared_names(model)
    warm: set[str] = set()
    for name, side, is_warm in zip(("encoder", "decoder"), sides, (plan.warm_encoder, plan.warm_decoder), strict=True):
        if is_warm:
            filled = map_warm_names(model, name, side.converted)
            warm |= {further.get(name_in_model, name_in_model) for names in filled for name_in_model in names.values()}
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters(remove_duplicate=False)}
    first = [name for name in sizes if name not in further]
    return PlanParameters(
        total=sum(sizes[name] for name in first),
        embeddings=sum(sizes[name] for name in first if parts[name] == "embeddings"),
        warm=sum(sizes[name] for name in first if name in warm),
        random=sum(sizes[name] for name in first if name not in warm),
    )


@pytest.mark.parametrize("plan", PLANS)
def test_table_of_plans_holds_what_the_models_have(plan):
    assert COUNTED[plan] == count_plan_parameters(PLANS[plan])


def test_table_of_plans_has_every_plan_of_the_paper():
    assert list(COUNTED) == list(PLANS)


@pytest.mark.parametrize("plan", PLANS)
def test_totals_and_warm_parts_at_base_size_are_within_one_percent_of_the_paper(plan):
    counted = COUNTED[plan]
    paper = PlanParameters(*PLANS[plan].paper_millions)
    assert counted.total / 1e6 == pytest.approx(paper.total, rel=0.01)
    assert counted.warm / 1e6 == pytest.approx(paper.warm, rel=0.01)
    assert counted.warm + counted.random == counted.total


def test_encoder_decoder_attention_at_base_size_has_28_million_parameters():
    # 12 layers of 4 (768 x 768 + 768) and a norm of 2 x 768, and the output bias of 30,522.
    assert COUNTED["bert2bert"].random == 12 * (4 * (768 * 768 + 768) + 2 * 768) + 30522


@pytest.mark.parametrize("plan", PLANS)
def test_counting_at_base_size_agrees_with_the_origin_report(start, plan, folders):
    # The same shapes, counted without weights: the table cannot drift from what a warm start does.
    counted = count_plan_parameters(PLANS[plan], shape=lambda family: AutoConfig.from_pretrained(folders[family.name]))
    totals = start(plan).origin.totals()
    assert asdict(counted) == {
        "total": totals["total"],
        "embeddings": totals["embeddings"],
        "warm": totals["initialised"],
        "random": totals["random"],
    }


@pytest.mark.parametrize("plan", ["bert2gpt", "roberta2gpt", "rnd2gpt"])
def test_gpt2_decoder_gets_a_pad_row_and_begins_and_ends_with_endoftext(start, plan, folders):
    started = start(plan)
    target = started.tokenizers.target
    end = target.convert_tokens_to_ids("<|endoftext|>")
    assert (started.framing.begin_id, started.framing.end_id) == (end, end)
    table = load_file(f"{folders['gpt2']}/model.safetensors")["transformer.wte.weight"]
    assert started.framing.pad_id == len(table) == target.convert_tokens_to_ids("<|pad|>")
    rows = started.model.decoder.transformer.wte.weight
    assert torch.equal(rows[:-1], table)
    assert torch.allclose(rows[-1], table.mean(dim=0))
    row = next(row for row in started.origin.parameters if "1 row added: the mean of all" in (row.note or ""))
    assert row.kind == "converted"


@pytest.mark.parametrize("plan", ["bert2gpt", "roberta2gpt"])
def test_gpt2_decoder_without_source_is_gpt2(start, plan, folders):
    gpt2 = GPT2Model.from_pretrained(folders["gpt2"]).eval()
    with torch.no_grad():
        ours = start(plan).model.decoder.transformer(input_ids=IDS).last_hidden_state
        theirs = gpt2(input_ids=IDS).last_hidden_state
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_rnd2gpt_has_the_vocabulary_of_gpt2_and_one_table(start):
    model = start("rnd2gpt").model
    assert isinstance(model.encoder, BertGenerationEncoder)
    assert isinstance(model.decoder, GPT2LMHeadModel)
    assert model.encoder.embeddings.word_embeddings.weight is model.decoder.transformer.wte.weight
    assert model.decoder.lm_head.weight is model.decoder.transformer.wte.weight


def test_rnd2gpt_takes_the_shape_of_its_encoder_from_a_bert(folders):
    started = warm_start(plan="rnd2gpt", encoder=folders["bert"], decoder=folders["gpt2"])
    assert started.tokenizers.source is started.tokenizers.target
    assert started.model.config.encoder.max_position_embeddings == 64
    assert started.model.encoder.embeddings.word_embeddings.weight is started.model.decoder.transformer.wte.weight


@pytest.mark.parametrize("plan", ["rnd2gpt", "rnd2rnd"])
def test_random_encoder_may_leave_its_checkpoint_out(folders, plan):
    family = "gpt2" if plan == "rnd2gpt" else "bert"
    short, long = warm_start(plan=plan, decoder=folders[family]), warm_start(plan=plan, encoder=folders[family])
    assert all(torch.equal(a, b) for a, b in zip(short.model.parameters(), long.model.parameters(), strict=True))


def test_plan_without_any_checkpoint_is_refused():
    with pytest.raises(WarmStartError, match=r"decoder: set this, model\.encoder or, for plan rnd2rnd, model\.shape"):
        warm_start(plan="rnd2gpt")
    with pytest.raises(WarmStartError, match="encoder: plan bert2gpt needs one"):
        warm_start(plan="bert2gpt", decoder="x")


def test_bert2gpt_keeps_two_vocabularies(start):
    pair = start("bert2gpt").tokenizers
    text = "the big cat sat"
    assert decode_ids(pair.source, encode_texts(pair.source, [text])[0]) == text
    assert decode_ids(pair.target, encode_texts(pair.target, [text])[0]) == text
    assert encode_texts(pair.source, [text]) != encode_texts(pair.target, [text])


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_robertashare_is_one_roberta(folders, family):
    model = warm_start(plan="robertashare", encoder=folders[family]).model
    assert isinstance(model.decoder, BertGenerationDecoder)
    own = [name for name, _ in model.decoder.named_parameters() if ".crossattention." in name or name == "lm_head.bias"]
    encoder = sum(parameter.numel() for parameter in model.encoder.parameters())
    alone = sum(model.decoder.get_parameter(name).numel() for name in own)
    assert sum(parameter.numel() for parameter in model.parameters()) == encoder + alone
    theirs = RobertaModel.from_pretrained(folders[family]).eval() if family == "roberta" else None
    if theirs is not None:
        with torch.no_grad():
            difference = model.encoder(input_ids=IDS).last_hidden_state - theirs(input_ids=IDS).last_hidden_state
        assert difference.abs().max() < 1e-5


def test_plan_gpt_answers_that_it_is_not_built(folders):
    with pytest.raises(WarmStartError, match="a decoder alone, is not built; choose rnd2gpt, bert2gpt or roberta2gpt"):
        warm_start(plan="gpt", encoder=folders["gpt2"])


@pytest.mark.parametrize(
    ("plan", "encoder", "decoder", "message"),
    [
        ("bert2gpt", "roberta", "gpt2", r"model\.encoder: .* takes a bert checkpoint here, found model_type 'roberta'"),
        ("bert2gpt", "bert", "roberta", r"model\.decoder: .* takes a gpt2 checkpoint here, found model_type 'roberta'"),
        ("robertashare", "bert", None, "takes a roberta or xlm-roberta or camembert checkpoint"),
        ("rnd2gpt", "bert", None, r"model\.decoder: .* takes a gpt2 checkpoint here, found model_type 'bert'"),
    ],
)
def test_checkpoint_of_another_family_is_refused(folders, plan, encoder, decoder, message):
    with pytest.raises(WarmStartError, match=message):
        warm_start(plan=plan, encoder=folders[encoder], decoder=decoder and folders[decoder])


def test_24_layers_come_with_the_checkpoint(tmp_path):
    deep = save_bert(tmp_path / "deep", num_hidden_layers=24)
    for plan in ("bertshare", "bert2rnd"):
        model = warm_start(plan=plan, encoder=str(deep)).model
        assert (model.config.encoder.num_hidden_layers, model.config.decoder.num_hidden_layers) == (24, 24)

"""Mistakes in a recipe: each is named with its key and what was found there, and all of them at once."""

import pytest

from seq2seq.base.errors import RecipeError
from seq2seq.recipe.recipe import build_recipe
from tests.recipe.base_recipe import BASE, build


def test_text_metrics_without_validation_data_are_refused():
    with pytest.raises(RecipeError, match=r"validation_metrics names bleu, and there is nothing to validate with"):
        build("training.validation_metrics=[loss, bleu]")
    assert build("training.validation_metrics=[bleu]", "data.validation=x.jsonl").data.validation == ("x.jsonl",)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task=fusion", r"task: 'fusion' is unknown\. Expected one of summarization, "),
        ("task=3", r"task: input should be a valid string \(found: 3\)"),
        ("seed=-1", r"seed: input should be greater than or equal to 0 \(found: -1\)"),
        ("seed='1'", r"seed: input should be a valid integer \(found: '1'\)"),
        ("seed=true", r"seed: input should be a valid integer \(found: True\)"),
        ("training.max_steps=2.0", r"training\.max_steps: input should be a valid integer \(found: 2\.0\)"),
        ("training=null", r"training: .*\(found: None\)"),
        ("model.plan=bert3bert", r"model\.plan: input should be 'rnd2rnd', .*\(found: 'bert3bert'\)"),
        ("model.plan=gpt", r"model\.plan: plan gpt of the paper, a decoder alone, is not built"),
        ("model.plan=pretrained", r"model\.checkpoint: plan pretrained needs one"),
        ("model.source_language=en_XX", r"model\.source_language: is for plan pretrained alone"),
        ("model.encoder=null", r"model\.encoder: plan bert2bert needs one"),
        ("model.encoder_layers=every", r"model\.encoder_layers: expected the first n layers .*found: 'every'"),
        ("model.max_positions=0", r"model\.max_positions: input should be greater than or equal to 1"),
        ("model.share=true", r"model\.share: is for plan pair alone"),
        ("model.checkpoint=a", r"model\.checkpoint: is for plan pretrained alone"),
        ("model.dropout=1.0", r"model\.dropout: input should be less than 1"),
        ("data.train=[]", r"data\.train: name at least one file"),
        ("data.max_target_tokens=1", r"data\.max_target_tokens: input should be greater than 1"),
        ("training.sharding=zero", r"training\.sharding: input should be 'none' or 'fsdp' \(found: 'zero'\)"),
        ("training.max_epochs=2", r"training\.max_epochs: give either max_steps or max_epochs"),
        ("training.max_steps=null", r"training\.max_epochs: give either max_steps or max_epochs"),
        ("training.validation_metrics=[]", r"training\.validation_metrics: name at least one"),
        ("training.validation_metrics=[los]", r"unknown metric 'los'; expected some of loss, rouge1"),
        ("training.validation_metrics=[copied_words, loss]", r"no value of copied_words is better than another; name"),
        ("training.learning_rates.head=1.0", r"training\.learning_rates\.head: .*'cross_attention'.*\(found: 'head'\)"),
        ("training.adam_betas=[0.9]", r"training\.adam_betas\.1: is required"),
        ("evaluation.metrics=[loss]", r"evaluation\.metrics: unknown metric 'loss'; expected some of rouge1"),
        ("evaluation.metrics=[bleu, bleu]", r"evaluation\.metrics: a metric is named twice"),
        ("training.max_stps=3", r"training\.max_stps: unknown key \(found: 3\)\. Did you mean 'max_steps'\?"),
        ("data.columns.sorce=a", r"data\.columns\.sorce: unknown key \(found: 'a'\)\. Did you mean 'source'\?"),
        ("model.shape.layer=3", r"model\.shape\.layer: unknown key \(found: 3\)\. Did you mean 'layers'\?"),
        ("sed=3", r"  sed: unknown key \(found: 3\)\. Did you mean 'seed'\?"),
        ("extend=a.yaml", r"Did you mean 'extends'\?"),
        ("training.xyzzy=3", r"training\.xyzzy: unknown key \(found: 3\)\.$"),
    ],
)
def test_error_names_the_key_what_is_wrong_and_what_was_found(override, message):
    with pytest.raises(RecipeError, match=message):
        build(override)


def test_batch_examples_and_batch_tokens_together_are_refused():
    with pytest.raises(RecipeError, match=r"training\.batch_tokens: give either batch_examples or batch_tokens"):
        build("training.batch_examples=2", "training.batch_tokens=2")


def test_micro_batch_smaller_than_the_longest_pair_is_refused():
    # 100 + 28 = 128 tokens of one pair, against room for 127.
    lengths = ["data.max_source_tokens=100", "data.max_target_tokens=28"]
    with pytest.raises(RecipeError, match=r"training: micro_batch_tokens is 127, but one pair may have 128 tokens"):
        build(*lengths, "training.micro_batch_tokens=127")


def test_micro_batch_of_exactly_the_longest_pair_is_allowed():
    recipe = build("data.max_source_tokens=100", "data.max_target_tokens=28", "training.micro_batch_tokens=128")
    assert recipe.training.micro_batch_tokens == 128


def test_all_errors_come_at_once_one_a_line():
    with pytest.raises(RecipeError) as caught:
        build_recipe(
            {"task": "nope", "model": {"encodr": "a"}, "data": {"train": []}, "training": {"seed": 1}}, "r.yaml"
        )
    title, *lines = str(caught.value).split("\n")
    assert title == "r.yaml: 7 errors"
    assert [line.strip().split(": ")[0] for line in lines] == [
        "task", "output", "model.encoder", "model.encodr", "data.train", "training.max_epochs", "training.seed",
    ]  # fmt: skip


def test_single_error_is_announced_in_the_singular():
    with pytest.raises(RecipeError, match=r"^recipe: 1 error\n"):
        build("seed=-1")


def test_section_left_out_is_required():
    with pytest.raises(RecipeError, match="  training: is required"):
        build_recipe({key: value for key, value in BASE.items() if key != "training"})


@pytest.mark.parametrize(
    "override",
    [
        "training.learning_rate=.inf", "training.max_gradient_norm=.inf", "generation.length_penalty=.nan",
        "training.learning_rates={encoder: -1.0}", "training.adam_betas=[2.0, 0.9]", "evaluation.metrics=[]",
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(override):
    with pytest.raises(RecipeError, match=override.partition("=")[0].replace(".", r"\.")):
        build(override)


def test_warmup_that_never_ends_is_refused():
    with pytest.raises(
        RecipeError, match=r"training\.warmup_steps: with 3 steps in all, the peak rate would never be used"
    ):
        build("training.warmup_steps=3")


def test_metric_that_only_describes_may_stand_behind_one_that_chooses():
    recipe = build("data.validation=x.jsonl", "training.validation_metrics=[length_ratio, copied_words]")
    assert recipe.training.validation_metrics == ("length_ratio", "copied_words")

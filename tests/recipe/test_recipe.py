"""The recipe: fixed defaults, extends, overrides, the task's part, and one message with every error."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from seq2seq.base.errors import RecipeError
from seq2seq.base.key_hints import list_paths
from seq2seq.base.mappings import merge
from seq2seq.data.options import ColumnOptions
from seq2seq.recipe.foreign_keys import FOREIGN_KEYS
from seq2seq.recipe.recipe import Recipe, build_recipe, load_recipe, parse_override

BASE = {
    "task": "sentence_fusion",
    "output": "runs/a",
    "model": {"encoder": "some/bert"},
    "data": {"train": ["train.jsonl"]},
    "training": {"max_steps": 3},
}
BASE_YAML = """
task: sentence_fusion
output: runs/a
model: {encoder: some/bert}
data: {train: train.jsonl}
training: {max_steps: 3}
"""


def build(*overrides: str):
    """The base recipe with some overrides."""
    values = BASE
    for override in overrides:
        values = merge(values, parse_override(override))
    return build_recipe(values)


@pytest.fixture
def base(tmp_path) -> Path:
    """A file with the base recipe."""
    path = tmp_path / "base.yaml"
    path.write_text(BASE_YAML, encoding="utf-8")
    return path


# Defaults: written out, because a silent change of one changes everybody's runs.


def test_defaults_of_the_model_section():
    assert build().model.model_dump() == {
        "plan": "bert2bert", "shape": None, "encoder": "some/bert", "decoder": None, "share": False, "convert": True,
        "cross_attention": "random", "encoder_layers": None, "decoder_layers": None, "max_positions": None,
        "checkpoint": None, "source_language": None, "target_language": None, "dropout": None,
        "source_tokenizer": None, "target_tokenizer": None, "new_tokens": "pieces", "source_marks": True,
        "trim_vocabulary": False, "families": (),
    }  # fmt: skip


def test_defaults_of_the_training_section():
    assert build().training.model_dump() == {
        "batch_examples": None, "batch_tokens": None, "length_window": 50, "micro_batch_tokens": 8192, "max_steps": 3,
        "max_epochs": None, "learning_rate": 5e-5, "learning_rates": {}, "warmup_steps": 0, "schedule": "linear",
        "warmups": {}, "layer_decay": 1.0, "freeze": {}, "embeddings_only_steps": 0,
        "weight_decay": 0.01, "adam_betas": (0.9, 0.999), "objective": {"kind": "cross_entropy"},
        "label_smoothing": 0.0, "max_gradient_norm": 1.0,
        "precision": "auto", "sharding": "none", "trackers": (), "gradient_checkpointing": False,
        "compile": False, "threads": None, "max_skipped_steps": 5, "log_every_steps": 10,
        "checkpoint_every_steps": 1000, "checkpoint_every_minutes": 15.0,
        "keep_checkpoints": 3, "validate_every_steps": 1000, "validation_metrics": ("loss",), "validation_texts": 500,
        "validation_samples": 3,
        "early_stopping": None, "early_stopping_min_improvement": 0.0, "ema_decay": None,
    }  # fmt: skip


def test_defaults_of_the_data_section():
    assert build().data.model_dump() == {
        "train": ("train.jsonl",), "validation": (), "test": (), "max_source_tokens": 128, "max_target_tokens": 128,
        "columns": {"source": ("source",), "target": ("target",), "references": "references"}, "header": (),
        "normalization": (), "delimiter": None, "quoting": None, "empty": "refuse",
    }  # fmt: skip


def test_defaults_of_the_generation_section():
    assert build().generation.model_dump() == {
        "num_beams": 4, "max_target_tokens": 128, "min_target_tokens": 0, "length_penalty": 1.0,
        "length_penalty_form": "power", "early_stopping": False, "no_repeat_ngram_size": 0,
        "encoder_no_repeat_ngram_size": 0, "repetition_penalty": 1.0, "encoder_repetition_penalty": 1.0,
        "sampling": False, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 1, "num_outputs": 1,
        "target_prefix": "", "scores": False, "batch_tokens": 16384,
    }  # fmt: skip


def test_defaults_of_the_evaluation_section():
    assert build().evaluation.model_dump() == {
        "metrics": ("exact_match", "sari"),
        "normalization": ("collapse_spaces",),
        "bleu_tokenizer": None,
        "language": None,
        "lead_sentences": 1,
        "first_words": None,
    }


def test_seed_is_1_by_default():
    assert build().seed == 1


@pytest.mark.parametrize(
    ("overrides", "batch_size"),
    [
        ([], {"batch_examples": 256}),
        (["training.batch_examples=32"], {"batch_examples": 32}),
        (["training.batch_tokens=4096"], {"batch_tokens": 4096}),
    ],
)
def test_batch_size_is_the_option_given_or_256_pairs(overrides, batch_size):
    assert build(*overrides).training.batch_size == batch_size


def test_text_metrics_without_validation_data_are_refused():
    with pytest.raises(RecipeError, match=r"validation_metrics names bleu, and there is nothing to validate with"):
        build("training.validation_metrics=[loss, bleu]")
    assert build("training.validation_metrics=[bleu]", "data.validation=x.jsonl").data.validation == ("x.jsonl",)


def test_recipe_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        build().seed = 2


# Files and extends.


def test_file_gives_the_same_recipe_as_its_mapping(base):
    assert load_recipe(base) == build_recipe(BASE)


def test_extends_keeps_the_base_where_the_file_is_silent(base, tmp_path):
    (tmp_path / "more.yaml").write_text("extends: base.yaml\ntraining: {learning_rate: 0.1}\n", encoding="utf-8")
    assert load_recipe(tmp_path / "more.yaml") == build("training.learning_rate=0.1")


def test_extends_replaces_lists_whole(base, tmp_path):
    (tmp_path / "more.yaml").write_text("extends: base.yaml\ndata: {train: [b, c]}\n", encoding="utf-8")
    assert load_recipe(tmp_path / "more.yaml").data.train == ("b", "c")


def test_extends_is_relative_to_the_file_that_says_it(base, tmp_path, monkeypatch):
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "more.yaml").write_text("extends: ../base.yaml\nseed: 7\n", encoding="utf-8")
    monkeypatch.chdir(folder.parent.parent)
    assert load_recipe(folder / "more.yaml") == build("seed=7")


def test_extends_over_two_levels_is_refused(base, tmp_path):
    (tmp_path / "second.yaml").write_text("extends: base.yaml\n", encoding="utf-8")
    (tmp_path / "third.yaml").write_text("extends: second.yaml\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"third\.yaml: extends second\.yaml, which extends another.*Only one level"):
        load_recipe(tmp_path / "third.yaml")


def test_missing_base_is_named(tmp_path):
    (tmp_path / "more.yaml").write_text("extends: base.yaml\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"base\.yaml: there is no such recipe"):
        load_recipe(tmp_path / "more.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"task: [", r"r\.yaml: not valid YAML"),
        (b"task: \xff", r"r\.yaml: the recipe cannot be read"),
        (b"- a\n- b\n", r"r\.yaml: expected a mapping with task.*found list"),
        (b"", r"r\.yaml: expected a mapping with task.*found NoneType"),
        (b"seed: 1\nseed: 2\n", r"r\.yaml: not valid YAML: 'seed' given more than once"),
        (b"training: {max_steps: 1, max_steps: 1}\n", r"'max_steps' given more than once"),
        (b"seed: 1\nseed: 2\n1: a\n1: b\n", r"given more than once"),
        (b"output: 2024-02-30\n", r"r\.yaml: not valid YAML"),
    ],
)
def test_unreadable_recipe_is_refused(tmp_path, content, message):
    (tmp_path / "r.yaml").write_bytes(content)
    with pytest.raises(RecipeError, match=message):
        load_recipe(tmp_path / "r.yaml")


def test_folder_instead_of_a_recipe_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="the recipe cannot be read"):
        load_recipe(tmp_path)


@pytest.mark.parametrize(
    ("text", "number"), [("1e-3", 0.001), ("5E+2", 500.0), ("2.5e-5", 2.5e-5), ("-1e3", -1000.0), ("1_0e1", 100.0)]
)
def test_exponent_without_a_point_is_a_number(text, number):
    assert parse_override(f"a={text}") == {"a": number}


def test_exponent_in_a_file_is_a_number(base, tmp_path):
    (tmp_path / "more.yaml").write_text("extends: base.yaml\ntraining: {learning_rate: 1e-3}\n", encoding="utf-8")
    assert load_recipe(tmp_path / "more.yaml").training.learning_rate == 0.001


# Overrides.


@pytest.mark.parametrize(
    ("override", "parsed"),
    [
        ("seed=3", {"seed": 3}),
        ("training.max_steps=null", {"training": {"max_steps": None}}),
        ("data.columns.source=article", {"data": {"columns": {"source": "article"}}}),
        ("data.train=[a, b]", {"data": {"train": ["a", "b"]}}),
        ("data.train=hub:some/set::train", {"data": {"train": "hub:some/set::train"}}),
        ("output=a=b", {"output": "a=b"}),
        ("model={plan: bertshare}", {"model": {"plan": "bertshare"}}),
        ("output='3'", {"output": "3"}),
        ("output=", {"output": None}),
    ],
)
def test_override_is_a_key_path_and_a_yaml_value(override, parsed):
    assert parse_override(override) == parsed


@pytest.mark.parametrize("override", ["seed", "=3", "a..b=3", "a-b=3", ".a=3", "--seed=3"])
def test_override_of_another_form_is_refused(override):
    with pytest.raises(RecipeError, match=r"expected an override of the form key\.path=value"):
        parse_override(override)


@pytest.mark.parametrize("value", ["[1", "{a: 1, a: 2}", "2024-02-30"])
def test_override_that_is_no_yaml_is_refused(value):
    with pytest.raises(RecipeError, match=r"'seed=.*the value is not valid YAML"):
        parse_override(f"seed={value}")


def test_the_last_override_holds(base):
    assert load_recipe(base, ["seed=3", "seed=4"]).seed == 4


def test_override_of_a_key_keeps_its_neighbours(base):
    recipe = load_recipe(base, ["training.learning_rate=0.5"])
    assert (recipe.training.learning_rate, recipe.training.max_steps) == (0.5, 3)


def test_override_of_extends_is_refused_without_suggesting_itself(base):
    with pytest.raises(RecipeError, match="extends") as caught:
        load_recipe(base, ["extends=other.yaml"])
    assert "Did you mean 'extends'" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        # Right but for the section.
        ("max_steps=3", "max_steps: unknown key (found: 3). Did you mean 'training.max_steps'?"),
        ("learning_rate=1e-4", "Did you mean 'training.learning_rate'?"),
        ("model.learning_rate=1e-4", "Did you mean 'training.learning_rate'?"),
        ("training.seed=3", "Did you mean 'seed' or 'generation.seed'?"),
        ("data.source=a", "Did you mean 'source' or 'data.columns.source'?"),
        ("max_target_tokens=9", "Did you mean 'data.max_target_tokens' or 'generation.max_target_tokens'?"),
        ("train.max_steps=3", "Did you mean 'training'?"),
        # Another toolkit's.
        ("save_every=3", "Did you mean 'training.checkpoint_every_steps'?"),
        ("training.save_every=3", "Did you mean 'training.checkpoint_every_steps'?"),
        ("per_device_train_batch_size=8", "training.batch_examples counts the pairs of a whole update"),
        ("training.gradient_accumulation_steps=8", "It follows from training.batch_tokens"),
        ("num_train_epochs=3", "Did you mean 'training.max_epochs'?"),
        ("generation.beam_size=3", "Did you mean 'generation.num_beams'?"),
        ("training.warmup-ratio=0.1", "expected an override of the form"),
        ("training.warmup_ratio=0.1", "training.warmup_steps counts steps"),
        ("resume=true", "Give --resume on the command line"),
        ("optimization.max_update=3", "Did you mean 'training'?"),
        # Misspelt, and in another section.
        ("checkpoint_every_step=3", "Did you mean 'training.checkpoint_every_steps'?"),
    ],
)
def test_unknown_key_names_the_key_that_was_meant(base, override, hint):
    with pytest.raises(RecipeError) as caught:
        load_recipe(base, [override])
    assert hint in str(caught.value)


def test_unknown_key_like_no_other_has_no_hint(base):
    with pytest.raises(RecipeError, match=r"qqqq: unknown key \(found: 3\)\.$"):
        load_recipe(base, ["qqqq=3"])


def test_names_of_other_toolkits_are_none_of_ours_and_lead_to_keys_that_are():
    known = set(list_paths(Recipe))
    assert not {key.rpartition(".")[2] for key in known} & FOREIGN_KEYS.keys()
    for sentence in FOREIGN_KEYS.values():
        named = re.findall(r"\b(?:data|model|training|generation|evaluation)\.\w+(?:\.\w+)*", sentence)
        assert set(named) <= known, sentence


def test_merge_leaves_both_mappings_as_they_were():
    first, second = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge(first, second) == {"a": {"b": 1, "c": 2}}
    assert (first, second) == ({"a": {"b": 1}}, {"a": {"c": 2}})


# The task's part.


@pytest.mark.parametrize(
    ("overrides", "longest"),
    [
        ([], 128),  # the task's targets
        (["data.max_target_tokens=64"], 64),
        (["data.max_target_tokens=200"], 200),
        (["data.max_target_tokens=64", "generation.max_target_tokens=null"], 64),
        (["data.max_target_tokens=64", "generation.max_target_tokens=90"], 90),
        (["data.max_target_tokens=64", "generation.num_beams=2"], 64),
    ],
)
def test_outputs_may_be_as_long_as_targets_unless_said_otherwise(base, overrides, longest):
    recipe = load_recipe(base, overrides)
    assert recipe.generation.max_target_tokens == longest
    # Resolved once: the recipe that a run records says it.
    assert f"max_target_tokens: {longest}" in recipe.to_yaml().partition("generation:")[2]


def test_wrong_length_of_targets_is_told_of_targets_alone(base):
    with pytest.raises(RecipeError, match=r"data\.max_target_tokens: input should be greater than 1"):
        load_recipe(base, ["data.max_target_tokens=0", "generation.max_target_tokens=9"])


def test_task_fills_in_lengths_metrics_and_generation():
    recipe = build("task=summarization")
    assert (recipe.data.max_source_tokens, recipe.data.max_target_tokens) == (512, 128)
    assert recipe.evaluation.metrics == ("rouge1", "rouge2", "rougeL")
    assert (recipe.generation.max_target_tokens, recipe.generation.no_repeat_ngram_size) == (128, 3)


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("data.max_source_tokens=99", "data", "max_source_tokens", 99),
        ("generation.no_repeat_ngram_size=0", "generation", "no_repeat_ngram_size", 0),
        ("evaluation.metrics=[bleu]", "evaluation", "metrics", ("bleu",)),
        ("evaluation.metrics=bleu", "evaluation", "metrics", ("bleu",)),
    ],
)
def test_recipe_overrides_what_the_task_fills_in(override, section, key, value):
    assert getattr(getattr(build("task=summarization", override), section), key) == value


def test_own_task_is_found_by_module_and_object(tmp_path, monkeypatch):
    (tmp_path / "haiku_task_of_a_user.py").write_text(
        "from seq2seq.recipe.task import Task\n"
        "HAIKU = Task(name='haiku', max_source_tokens=9, max_target_tokens=17, metrics=('bleu',),\n"
        "             columns={'source': 'prose', 'target': 'poem', 'references': 'poems'})\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    recipe = build("task=haiku_task_of_a_user:HAIKU")
    assert recipe.data.columns == ColumnOptions(source="prose", target="poem", references="poems")
    assert (recipe.data.max_source_tokens, recipe.generation.max_target_tokens) == (9, 17)


# Errors.


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


# Back to YAML.


@pytest.mark.parametrize(
    "override",
    [
        "seed=1", "task=translation", "training.adam_betas=[0.5, 0.9]",
        "training={max_steps: null, max_epochs: 2, learning_rates: {encoder: 1e-5}}",
        "training.learning_rate=1e-30", "generation.length_penalty=-0.5", "data.validation=[a, 'b: c']",
    ],
)  # fmt: skip
def test_recipe_as_yaml_loads_to_the_same_recipe(tmp_path, override):
    recipe = build(override)
    (tmp_path / "r.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(tmp_path / "r.yaml") == recipe


@pytest.mark.parametrize(
    "output", ["1e-3", "1e3", "007", "yes", "null", "a: b", " ä #1", "2024-01-01", "", "line\nbreak"]
)
def test_text_that_looks_like_something_else_survives_yaml(tmp_path, output):
    recipe = build_recipe(BASE | {"output": output})
    (tmp_path / "r.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(tmp_path / "r.yaml").output == output


def test_recipe_module_imports_no_torch():
    code = "import sys, seq2seq.recipe.recipe; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


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

"""Overrides of a recipe by key.path=value, and the hint at the key that was meant."""

import re

import pytest

from seq2seq.base.errors import RecipeError
from seq2seq.base.key_hints import list_paths
from seq2seq.base.mappings import merge
from seq2seq.recipe.foreign_keys import FOREIGN_KEYS
from seq2seq.recipe.recipe import Recipe, load_recipe, parse_override


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

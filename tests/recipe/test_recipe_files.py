"""Recipes in files: what is YAML to them, a base that a file extends, and the way back to YAML."""

import pytest

from seq2seq.base.errors import RecipeError
from seq2seq.recipe.recipe import build_recipe, load_recipe, parse_override
from tests.recipe.base_recipe import BASE, build


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

"""The recipes that ship: each loads, opens with the command that runs it, and names this file in it."""

import itertools
from pathlib import Path

import pytest
import yaml

from seq2seq.recipe import load_recipe

ROOT = Path(__file__).parent.parent
RECIPES = sorted(path.relative_to(ROOT) for path in (ROOT / "recipes").rglob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=str)
def test_recipe_loads(path):
    recipe = load_recipe(ROOT / path)
    assert recipe.data.test


@pytest.mark.parametrize("path", RECIPES, ids=str)
def test_recipe_opens_with_the_command_that_runs_it(path):
    lines = (ROOT / path).read_text().splitlines()
    head = itertools.takewhile(lambda line: line.startswith("#"), lines)
    named = path.parent / "bert2bert.yaml" if path.name == "base.yaml" else path
    assert any(f"seq2seq train {named}" in line for line in head)


@pytest.mark.parametrize("path", RECIPES, ids=str)
def test_a_recipe_that_extends_changes_only_what_makes_it_another(path):
    values = yaml.safe_load((ROOT / path).read_text())
    if "extends" in values:
        assert set(values) <= {"extends", "output", "model"}

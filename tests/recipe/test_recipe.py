"""The recipe as one object: frozen, light to import, and the part of it that its task fills in."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from seq2seq.base.errors import RecipeError
from seq2seq.data.options import ColumnOptions
from seq2seq.recipe.recipe import load_recipe
from tests.recipe.base_recipe import build


def test_recipe_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        build().seed = 2


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


def test_recipe_module_imports_no_torch():
    code = "import sys, seq2seq.recipe.recipe; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"

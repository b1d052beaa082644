"""Tasks: their defaults written out, found by name or by the user's own module."""

import dataclasses

import pytest

from seq2seq.base.errors import RecipeError
from seq2seq.metrics.options import METRICS
from seq2seq.recipe.task import TASKS, Task, find_task

OWN = Task(
    name="own",
    max_source_tokens=9,
    max_target_tokens=17,
    metrics=("bleu",),
    generation={"num_beams": 1},
)


@pytest.mark.parametrize(
    ("name", "lengths", "metrics", "generation"),
    [
        ("summarization", (512, 128), ("rouge1", "rouge2", "rougeL"), {"no_repeat_ngram_size": 3}),
        ("sentence_splitting", (128, 128), ("exact_match", "sari", "bleu"), {}),
        ("sentence_fusion", (128, 128), ("exact_match", "sari"), {}),
        ("translation", (128, 128), ("bleu",), {}),
    ],
)
def test_task_has_the_lengths_and_metrics_of_the_paper(name, lengths, metrics, generation):
    task = find_task(name)
    assert ((task.max_source_tokens, task.max_target_tokens), task.metrics, task.generation) == (
        lengths,
        metrics,
        generation,
    )


def test_tasks_are_listed_by_their_own_names():
    assert [task.name for task in TASKS.values()] == list(TASKS)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_metrics_of_a_task_are_known(task):
    assert set(task.metrics) <= set(METRICS)


def test_recipe_defaults_are_sections_of_a_recipe():
    assert OWN.recipe_defaults() == {
        "data": {
            "columns": {"source": "source", "target": "target", "references": "references"},
            "max_source_tokens": 9,
            "max_target_tokens": 17,
        },
        "generation": {"num_beams": 1},
        "evaluation": {"metrics": ["bleu"]},
    }


def test_output_length_of_a_task_goes_before_its_target_length():
    task = dataclasses.replace(OWN, generation={"max_target_tokens": 5})
    assert task.recipe_defaults()["generation"] == {"max_target_tokens": 5}


def test_task_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        OWN.name = "other"


def test_own_task_is_found_by_module_and_object():
    assert find_task(f"{__name__}:OWN") is OWN


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fusion", r"task: 'fusion' is unknown\. Expected one of summarization, .*package\.module:OBJECT"),
        ("no_such_module_here:TASK", r"task: module 'no_such_module_here' cannot be imported"),
        ("json:TASK", r"task: module 'json' has no 'TASK'\."),
        ("json:", r"task: module 'json' has no ''\."),
        ("json:loads", r"task: json:loads is a function, expected a seq2seq\.Task\."),
        (":TASK", r"task: "),
        (".json:TASK", r"task: "),
    ],
)
def test_name_that_leads_to_no_task_is_refused(name, message):
    with pytest.raises(RecipeError, match=message):
        find_task(name)

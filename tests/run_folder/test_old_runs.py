"""What earlier versions wrote is read as today's version would have written it."""

import pytest

from seq2seq.run_folder.old_runs import (
    OLD_VALUES,
    bring_up_data,
    bring_up_evaluation,
    bring_up_generation,
    bring_up_origin,
    bring_up_recipe,
    choose_old_values,
)


def test_key_that_a_recipe_lacks_has_its_old_value():
    recipe = bring_up_recipe({"task": "t", "model": {"plan": "bert2bert"}, "training": {"compile": True}})
    assert recipe["model"]["source_marks"] is False
    assert recipe["model"]["plan"] == "bert2bert"
    assert (recipe["training"]["compile"], recipe["training"]["layer_decay"]) == (True, 1.0)


def test_section_that_is_missing_or_none_stays_as_it_is():
    recipe = bring_up_recipe({"model": None})
    assert (recipe["model"], "training" in recipe) == (None, False)


def test_section_that_came_as_a_whole_is_added():
    assert bring_up_recipe({"model": None})["source"] == {"kind": "text"}
    assert bring_up_recipe({"source": {"kind": "mine:CLASS"}})["source"] == {"kind": "mine:CLASS"}


def test_bringing_up_changes_neither_its_argument_nor_the_table():
    values = {"data": {"columns": {"source": "a"}}, "training": {}}
    bring_up_recipe(values)["training"]["freeze"] = 1
    assert values == {"data": {"columns": {"source": "a"}}, "training": {}}
    assert OLD_VALUES["training.freeze"] == {}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"source": "a", "target": ["b", "c"]}, {"source": ["a"], "target": ["b", "c"]}),
        ({"source": "a", "references": "r"}, {"source": ["a"], "references": "r"}),
    ],
)
def test_columns_are_lists_of_names(written, expected):
    assert bring_up_data({"columns": written}) == {"columns": expected}


@pytest.mark.parametrize(
    ("case", "spacing", "steps"),
    [
        ("keep", "keep", []),
        ("lower", "keep", ["lowercase"]),
        ("keep", "collapse", ["collapse_spaces"]),
        ("lower", "separate_punctuation", ["lowercase", "separate_punctuation"]),
    ],
)
def test_case_and_spacing_are_steps_of_normalization(case, spacing, steps):
    section = {"metrics": ["sari"], "case": case, "spacing": spacing}
    assert bring_up_evaluation(section) == {"metrics": ["sari"], "normalization": steps}


def test_todays_evaluation_stays_as_it_is():
    assert bring_up_evaluation({"normalization": ["nfc"]}) == {"normalization": ["nfc"]}


def test_generation_has_every_option():
    section = bring_up_generation({"num_beams": 2, "seed": 7})
    assert (section["num_beams"], section["seed"], section["length_penalty_form"]) == (2, 7, "power")


def test_origin_without_notes_has_none():
    assert bring_up_origin({"plan": "p"}) == {"plan": "p", "notes": []}


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        (frozenset(), {"model.source_marks": False}),
        (frozenset({"model.plan"}), {"model.source_marks": False}),
        (frozenset({"model.source_marks"}), {}),
        (frozenset({"model"}), {}),
    ],
)
def test_old_value_holds_where_nobody_gives_another(given, chosen):
    run = {"model": {"source_marks": False, "plan": "a"}}
    now = {"model": {"source_marks": True, "plan": "b"}}  # another plan is a difference, not an old value
    assert choose_old_values(run, now, given) == chosen


def test_value_that_was_chosen_in_the_run_is_no_old_value():
    run = {"training": {"max_skipped_steps": 9}}
    assert choose_old_values(run, {"training": {"max_skipped_steps": 5}}, frozenset()) == {}

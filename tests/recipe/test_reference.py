"""recipes/reference.yaml and recipes/recipe.schema.json: equal to what the option classes say."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from seq2seq.base.mappings import flatten, merge
from seq2seq.base.options import Options
from seq2seq.recipe.recipe import Recipe, load_recipe, parse_override
from seq2seq.recipe.reference import (
    EXAMPLES,
    REFERENCE_FILE,
    SCHEMA_FILE,
    build_reference,
    build_schema,
    format_values,
    write_reference,
)

FOLDER = Path(__file__).parents[2] / "recipes"
WHOLE = {
    "task": "translation", "output": "runs/a", "model": {"encoder": "some/bert"}, "data": {"train": "a.jsonl"},
    "training": {"max_steps": 3},
}  # fmt: skip


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(build_schema())


def find_faults(validator: Draft202012Validator, values: dict) -> list[str]:
    return [error.json_path for error in validator.iter_errors(values)]


def list_options(options: type[Options], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Every option and section with its description."""
    for name, field in options.model_fields.items():
        yield f"{prefix}{name}", field.description
        if isinstance(field.annotation, type) and issubclass(field.annotation, Options):
            yield from list_options(field.annotation, f"{prefix}{name}.")


def test_reference_is_what_the_code_makes_of_the_options():
    assert (FOLDER / REFERENCE_FILE).read_text() == build_reference(), "python -m seq2seq.recipe.reference recipes"


def test_schema_is_what_the_code_makes_of_the_options():
    written = json.loads((FOLDER / SCHEMA_FILE).read_text())
    assert written == build_schema(), "python -m seq2seq.recipe.reference recipes"


def test_writing_both_again_gives_the_same_bytes(tmp_path):
    write_reference(tmp_path)
    for name in (REFERENCE_FILE, SCHEMA_FILE):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_every_option_has_a_description():
    assert [name for name, description in list_options(Recipe) if not description] == []


def test_reference_loads_to_the_defaults_of_the_classes_and_the_examples():
    expected: dict = {}
    for key, value in EXAMPLES.items():
        expected = merge(expected, parse_override(f"{key}={json.dumps(value)}"))
    # Not by build_recipe, which would fill in the task's defaults.
    assert load_recipe(FOLDER / REFERENCE_FILE) == Recipe.model_validate(expected)


def test_reference_holds_every_option():
    written = flatten(yaml.safe_load((FOLDER / REFERENCE_FILE).read_text()))
    sections = {name.rpartition(".")[0] for name, _ in list_options(Recipe)}
    assert set(written) == {name for name, _ in list_options(Recipe)} - sections


def test_reference_names_what_a_task_fills_in():
    # Of the four tasks summarization alone has sources of other than 128 tokens.
    words = " ".join(build_reference().replace("#", "").split())  # wherever the comment breaks its lines
    assert "Default by task: 512 for summarization. max_source_tokens: 128" in words


def test_reference_tells_no_default_of_a_task_that_is_the_default_anyway():
    # Every task's source column is the column `source`; the class has it as a list of one.
    before, _ = build_reference().split("source: [source]\n")
    assert before.rstrip().endswith("A text, or a list.")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "integer", "exclusiveMinimum": 0}, "a whole number > 0"),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "a number >= 0 and < 1"),
        ({"type": "number"}, "a number"),
        ({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}, "a whole number >= 1, or null"),
        ({"enum": ["none", "fsdp"], "type": "string"}, "one of none, fsdp"),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, "a text, or a list"),
        (
            {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "number"}},
            "a mapping from a, b to a number",
        ),
        ({"type": "boolean"}, "true or false"),
    ],
)
def test_allowed_values_are_put_into_words(part, words):
    assert format_values(part) == words


# The schema, checked by the library jsonschema.


def test_schema_is_one(validator):
    Draft202012Validator.check_schema(validator.schema)


def test_every_shipped_recipe_is_valid(validator):
    faults = {path: find_faults(validator, yaml.safe_load(path.read_text())) for path in FOLDER.rglob("*.yaml")}
    assert len(faults) > 100
    assert {path: of_file for path, of_file in faults.items() if of_file} == {}


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"plan": "bert3bert"}}, {"training": {"max_stps": 3}}, {"training": {"learning_rate": -1.0}},
        {"training": {"learning_rates": {"head": 1.0}}}, {"evaluation": {"metrics": ["loss"]}}, {"task": "fusion"},
        {"data": {"train": 3}}, {"seed": "1"}, {"data": {"normalization": ["lower"]}}, {"extend": "base.yaml"},
    ],
    ids=str,
)  # fmt: skip
def test_schema_refuses_what_loading_refuses(validator, change):
    assert find_faults(validator, merge(WHOLE, change))


@pytest.mark.parametrize(
    "change",
    [
        {}, {"task": "mine.tasks:POEMS"}, {"data": {"train": ["a", "b"]}}, {"training": {"learning_rate": 1}},
        {"evaluation": {"metrics": "bleu"}}, {"model": {"encoder_layers": [0, 5]}},
        {"training": {"freeze": {"output": None}}},
    ],
    ids=str,
)  # fmt: skip
def test_schema_allows_what_loading_allows(validator, change):
    assert find_faults(validator, merge(WHOLE, change)) == []


def test_recipe_without_extends_needs_what_is_required(validator):
    assert find_faults(validator, {key: value for key, value in WHOLE.items() if key != "output"})
    assert find_faults(validator, WHOLE | {"data": {"test": "a.jsonl"}})


def test_recipe_that_extends_may_leave_out_what_is_required(validator):
    assert find_faults(validator, {"extends": "base.yaml", "data": {"test": "a.jsonl"}}) == []

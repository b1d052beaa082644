"""What a recipe may say, written for people (recipes/reference.yaml) and for editors (recipes/recipe.schema.json).

Both are made from the option classes; after a change there, make them again:

    python -m seq2seq.recipe.reference recipes
"""

import json
import sys
import textwrap
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ..base.files import write_text
from ..base.mappings import flatten
from ..base.objects import NAME_PATTERN
from ..base.options import MOST_TOKENS
from ..metrics.options import METRICS
from ..text.normalization import NORMALIZERS
from .recipe import Recipe
from .task import TASKS
from .yaml_text import dump_yaml

SCHEMA_FILE = "recipe.schema.json"
REFERENCE_FILE = "reference.yaml"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMMENT_WIDTH = 118
HEADER = f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
# Every option of a recipe, with its meaning and default. Made from the code:
#
#   python -m seq2seq.recipe.reference recipes
#   seq2seq train recipes/reference.yaml
#
# A recipe needs task, output, model, data.train and the length of the training; what stands for them here is an
# example. Everything else may be left out; for some options the task then says what holds. Besides these a file may say
# `extends: FILE`, relative to itself: it is laid over that file, mapping by mapping, while lists are replaced whole. On
# the command line any option can follow the recipe: training.learning_rate=1.0e-4.
"""
BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
# Options without a default, and those of which a run needs one.
EXAMPLES = {
    "task": "summarization",
    "output": "runs/mine",
    "model.encoder": "google-bert/bert-base-uncased",
    "data.train": ["data/train.jsonl"],
    "training.max_steps": 10000,
}
# Names that the types leave open, by class and option.
NAMES = {
    ("DataOptions", "normalization"): tuple(NORMALIZERS),
    ("EvaluationOptions", "normalization"): tuple(NORMALIZERS),
    ("EvaluationOptions", "metrics"): METRICS,
    ("TrainingOptions", "validation_metrics"): ("loss", *METRICS),
}
OPEN = {("EvaluationOptions", "metrics"), ("TrainingOptions", "validation_metrics")}  # to package.module:OBJECT


OWN_NAME = {"type": "string", "pattern": NAME_PATTERN}


def build_schema() -> dict[str, Any]:
    """The JSON schema of recipe files, draft 2020-12.

    A file that extends another may leave out what is required; whether both together have it, only loading tells.
    """
    schema = _drop_titles(Recipe.model_json_schema())
    properties = schema["properties"]
    classes = schema["$defs"]
    whole = {"required": schema.pop("required"), "properties": {}}
    for name, part in properties.items():
        section = _find_section(part)
        required = [] if section is None else classes[section].pop("required", [])
        if required:
            whole["properties"][name] = {"required": required}
    for (options, name), choices in NAMES.items():
        allowed = _list_schema(choices, open=(options, name) in OPEN)
        classes[options]["properties"][name] |= allowed
    properties["task"]["anyOf"] = [{"enum": list(TASKS)}, OWN_NAME]
    properties["extends"] = {
        "type": "string",
        "description": "A recipe, relative to this file, that this one is over.",
    }
    title = {"$schema": DIALECT, "title": "A recipe of seq2seq"}
    return title | schema | {"if": {"not": {"required": ["extends"]}}, "then": whole}


def _list_schema(choices: Collection[str], *, open: bool) -> dict[str, Any]:
    """One name or a list of names; where it is open, also those of objects of the user's own."""
    one: dict[str, Any] = {"enum": list(choices)}
    alternatives = [one]
    if open:
        alternatives = [one, OWN_NAME]
        one = {"anyOf": alternatives}
    several = {"type": "array", "items": one, "uniqueItems": True}
    return {"anyOf": [*alternatives, several]}


def _drop_titles(part: Any) -> Any:
    """The schema without pydantic's titles, which repeat the names of the keys."""
    if isinstance(part, list):
        return [_drop_titles(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = {}
    for key, value in part.items():
        is_title = key == "title" and isinstance(value, str)  # no option of that name
        if not is_title:
            kept[key] = _drop_titles(value)
    return kept


def _find_section(part: dict[str, Any]) -> str | None:
    """The class of options behind a property, where it is a section."""
    if "$ref" not in part:
        return None
    return part["$ref"].rpartition("/")[2]


def build_reference() -> str:
    """reference.yaml: every option with a comment, its values the defaults or, where there is none, an example."""
    schema = build_schema()
    del schema["properties"]["extends"]
    lines = _list_section_lines(schema, schema["properties"], "", _list_task_values())
    text = "\n".join(lines)
    return f"{HEADER}{text}\n"


def _list_task_values() -> dict[str, dict[str, Any]]:
    """The options that tasks fill in, by dotted key: their values by task."""
    values: dict[str, dict[str, Any]] = {}
    for task in TASKS.values():
        for key, value in flatten(task.recipe_defaults()).items():
            values.setdefault(key, {})[task.name] = value
    return values


def _list_section_lines(
    schema: dict,
    properties: dict,
    prefix: str,
    task_values: dict,
) -> Iterator[str]:
    depth = prefix.count(".")
    margin = "  " * depth
    for name, part in properties.items():
        key = f"{prefix}{name}"
        section = _find_section(part)
        yield ""
        if section is not None:
            yield from _comment(part["description"], margin)
            yield f"{margin}{name}:"
            yield from _list_section_lines(
                schema,
                schema["$defs"][section]["properties"],
                f"{key}.",
                task_values,
            )
            continue
        sentences = _list_sentences(key, part, task_values.get(key, {}))
        yield from _comment(" ".join(sentences), margin)
        yield from _list_inner_comments(schema, part, margin)
        empty: dict | None = {} if part.get("type") == "object" else None
        value = EXAMPLES.get(key, part.get("default", empty))
        yield f"{margin}{name}: {dump_yaml(value, flow=True)}"


def _list_inner_comments(
    schema: dict,
    part: dict[str, Any],
    margin: str,
) -> Iterator[str]:
    """Comments on the keys of a mapping that may be left out as a whole."""
    for choice in part.get("anyOf", []):
        section = _find_section(choice)
        if section is None:
            continue
        for name, inner in schema["$defs"][section]["properties"].items():
            sentences = list(_list_sentences(name, inner, {}))
            if "default" in inner:
                sentences.append(f"Left out: {inner['default']}.")
            yield from _comment(f"{name}: {' '.join(sentences)}", margin)


def _comment(text: str, margin: str) -> list[str]:
    lines = textwrap.wrap(
        text,
        COMMENT_WIDTH - len(margin),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [f"{margin}# {line}" for line in lines]


def _list_sentences(
    key: str,
    part: dict[str, Any],
    by_task: dict[str, Any],
) -> Iterator[str]:
    """Sentences: the meaning, the values allowed, and the defaults of the tasks."""
    allowed = format_values(part)
    choices = part.get("anyOf", [{}])
    names = choices[0].get("enum", [])
    yield part["description"]
    are_told = names and all(name in part["description"] for name in names)
    if allowed != "a text" and not are_told:
        yield f"{allowed[0].upper()}{allowed[1:]}."
    listed = [
        f"{dump_yaml(value, flow=True)} for {task}"
        for task, value in by_task.items()
        if part["default"] not in (value, [value])  # one name stands for a list of one
    ]
    if listed:
        yield f"Default by task: {', '.join(listed)}."
    if key in EXAMPLES:
        yield "Here an example."


def format_values(part: dict[str, Any]) -> str:
    """What a property's schema allows, in words. {'minimum': 0, 'type': 'integer'} -> 'a whole number >= 0'"""
    if "pattern" in part:
        return "package.module:OBJECT"
    if "const" in part:
        return str(part["const"])
    if "enum" in part:
        return "one of " + ", ".join(map(str, part["enum"]))
    if "anyOf" in part:
        return ", or ".join(map(format_values, part["anyOf"]))
    if _find_section(part) is not None:
        return "a mapping"
    json_type = part["type"]
    if json_type in ("integer", "number"):
        number = "a whole number" if json_type == "integer" else "a number"
        bounds = []
        for bound, sign in BOUNDS.items():
            if bound in part and abs(part[bound]) < MOST_TOKENS:  # larger ones only keep libraries from overflowing
                bounds.append(f"{sign} {part[bound]:g}")
        return f"{number} {' and '.join(bounds)}".rstrip()
    if json_type == "object":
        names = ", ".join(part["propertyNames"]["enum"])
        return f"a mapping from {names} to {format_values(part['additionalProperties'])}"
    if json_type == "array":
        if "prefixItems" in part:
            return "a list of " + " and ".join(format_values(item) for item in part["prefixItems"])
        return "a list of them" if {"enum", "anyOf"} & part["items"].keys() else "a list"
    return {"boolean": "true or false", "null": "null", "string": "a text"}[json_type]


def write_reference(folder: Path) -> None:
    """Writes both files into the folder of the recipes."""
    schema = json.dumps(build_schema(), ensure_ascii=False, indent=2)
    write_text(folder / SCHEMA_FILE, schema + "\n")
    write_text(folder / REFERENCE_FILE, build_reference())


if __name__ == "__main__":
    write_reference(Path(sys.argv[1]))

"""The least recipe that the tests of this folder begin with."""

from seq2seq.base.mappings import merge
from seq2seq.recipe.recipe import build_recipe, parse_override

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

"""A task of one's own: what it says, a recipe may override.

seq2seq train recipe.yaml task=tests.extensions.task:PARAPHRASING
"""

from seq2seq import Task

PARAPHRASING = Task(
    "paraphrasing",
    max_source_tokens=16,
    max_target_tokens=16,
    metrics=("bleu", "tests.extensions.metric:RIGHT_LENGTH"),
    generation={"num_beams": 2},
)

"""What makes a task that task, as one declarative object that recipes, training, generation and scoring read."""

from dataclasses import dataclass, field

from ..base.errors import RecipeError
from ..base.objects import load_object


@dataclass(frozen=True)
class Task:
    """Defaults of a task; a recipe overrides any of them.

    columns: as in `data.columns`; metrics: the first is the headline.
    generation: any option of the section `generation`.
    """

    name: str
    max_source_tokens: int
    max_target_tokens: int
    metrics: tuple[str, ...]
    columns: dict[str, str] = field(
        default_factory=lambda: {"source": "source", "target": "target", "references": "references"}
    )
    generation: dict = field(default_factory=dict)

    def recipe_defaults(self) -> dict:
        """The part of a recipe that this task fills in where the recipe is silent."""
        return {
            "data": {
                "columns": self.columns,
                "max_source_tokens": self.max_source_tokens,
                "max_target_tokens": self.max_target_tokens,
            },
            "generation": self.generation,
            "evaluation": {"metrics": list(self.metrics)},
        }


# Lengths and metrics are those of Rothe et al. 2020 (for summarization CNN/DailyMail's).
TASKS = {
    task.name: task
    for task in (
        Task(
            name="summarization",
            max_source_tokens=512,
            max_target_tokens=128,
            metrics=("rouge1", "rouge2", "rougeL"),
            generation={"no_repeat_ngram_size": 3},
        ),
        Task(
            name="sentence_splitting",
            max_source_tokens=128,
            max_target_tokens=128,
            metrics=("exact_match", "sari", "bleu"),
        ),
        Task(
            name="sentence_fusion",
            max_source_tokens=128,
            max_target_tokens=128,
            metrics=("exact_match", "sari"),
        ),
        Task(
            name="translation",
            max_source_tokens=128,
            max_target_tokens=128,
            metrics=("bleu",),
        ),
    )
}


def find_task(name: str) -> Task:
    """A task by its name, or by package.module:OBJECT for one of the user's own.

    Raises:
        RecipeError: there is none, or the object is no Task.
    """
    if name in TASKS:
        return TASKS[name]
    if ":" not in name:
        raise RecipeError(
            f"task: {name!r} is unknown. Expected one of {', '.join(TASKS)}, or package.module:OBJECT for your own."
        )
    return load_object(name, Task, "task")

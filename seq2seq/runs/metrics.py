"""Whether the metrics of a run see its references: one that does not can choose no checkpoint."""

from collections.abc import Mapping, Sequence
from itertools import islice

from ..base.errors import TrainingError
from ..data.examples import Example, read_examples, show_sources
from ..metrics.blindness import LOOKED_AT, Blindness, find_blind_metrics, find_seeing_metrics, replace_blind_rouge
from ..metrics.options import EvaluationOptions
from ..recipe.recipe import Recipe
from ..recipe.task import find_task
from ..run_folder.folder import RunFolder
from ..sources.source import Source
from .data import RunData


def find_metrics_in_place(recipe: Recipe) -> tuple[str, ...] | None:
    """The metrics to compute in place of the task's, where these see nothing of the data; None where they are kept.

    A recipe that says what the task says is taken to leave it to the task.

    Raises:
        DataError: a file or a row is broken.
    """
    if recipe.evaluation.metrics != find_task(recipe.task).metrics:
        return None
    if replace_blind_rouge(recipe.evaluation.metrics) == recipe.evaluation.metrics:  # spares the reading
        return None
    data = recipe.data
    names = data.test or data.validation or data.train
    source = recipe.source.build_reader(data.normalization)
    examples = islice(read_examples(names, data.layout, source), LOOKED_AT)
    return find_seeing_metrics([example.references for example in examples], recipe.evaluation)


def find_metrics_of_run(folder: RunFolder, recipe: Recipe) -> tuple[str, ...] | None:
    """Those that a run in a folder was begun with in place of the task's; None where it kept them."""
    then = folder.read_recipe()
    section = then.get("evaluation") if isinstance(then, dict) else None
    replaced = replace_blind_rouge(recipe.evaluation.metrics)
    if isinstance(section, Mapping) and section.get("metrics") == list(replaced):
        return replaced
    return None


def replace_metrics(recipe: Recipe, metrics: tuple[str, ...]) -> Recipe:
    """The recipe with other metrics to score the test data by."""
    evaluation = recipe.evaluation.model_copy(update={"metrics": metrics})
    return recipe.model_copy(update={"evaluation": evaluation})


def find_blind(
    recipe: Recipe, data: RunData, evaluation: EvaluationOptions, source: Source
) -> dict[str, list[Blindness]]:
    """The metrics that see nothing or little of the references that a run scores, by split.

    Raises:
        ScoringError: a metric cannot be computed here.
    """
    options = recipe.training
    of_text = tuple(metric for metric in options.validation_metrics if metric != "loss")
    found = {}
    if data.validation is not None and of_text:
        examples = data.validation.examples[: options.validation_texts]
        found["validation"] = _find_blind_of(examples, evaluation.model_copy(update={"metrics": of_text}), source)
    if data.test is not None:
        found["test"] = _find_blind_of(data.test.examples, evaluation, source)
    return found


def _find_blind_of(examples: Sequence[Example], evaluation: EvaluationOptions, source: Source) -> list[Blindness]:
    sources = [example.source for example in show_sources(examples, source)]
    return find_blind_metrics(sources, [example.references for example in examples], evaluation)


def check_first_metric(recipe: Recipe, found: Mapping[str, Sequence[Blindness]]) -> None:
    """Makes sure that the metric that names the best checkpoint sees something of the references.

    Raises:
        TrainingError: it does not.
    """
    first = recipe.training.validation_metrics[0]
    for blindness in found.get("validation", ()):
        if blindness.metric == first and blindness.is_total:
            harm = "name the best checkpoint"
            if recipe.training.early_stopping is not None:
                harm += " and end the run"
            raise TrainingError(
                f"training.validation_metrics: {first} would {harm}, and {blindness} Or name loss first."
            )

"""The report of one run: its card and pictures, from the files of its folder. Loads no model and imports no torch."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from ...base.errors import DataError, RecipeError, ScoringError
from ...base.files import write_text
from ...base.mappings import flatten, merge
from ...base.options import Options, format_option_error
from ...metrics.metric import Better
from ...metrics.options import EvaluationOptions
from ...metrics.scores import compute_text_scores
from ...metrics.table import find_metric
from ...recipe.recipe import Recipe
from ...recipe.task import find_task
from ...reports.curves import build_curves
from ...reports.length_plots import build_output_lengths, build_token_lengths
from ...reports.model_card import CardParts, build_model_card
from ...reports.plots import save_figure
from ...reports.samples import Sample, choose_rows
from ...run_folder.folder import RunFolder
from ...run_folder.record import RunRecord, load_run_record
from ...run_folder.steps import find_chosen

RANKED_BY = 2  # metrics: exact_match alone leaves most outputs equal


@contextmanager
def explain_refused() -> Iterator[None]:
    """Says as a user's mistake what the system refuses to write in the block; for reports made outside of a run.

    Raises:
        DataError: naming the file.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{error.filename} cannot be written: {error.strerror}.") from None


def write_report(folder: RunFolder) -> RunRecord:
    """Writes README.md and pictures/ of a run folder; returns what they were made from.

    Raises:
        CheckpointError: the folder holds no run.
        DataError: one of its files is missing or broken.
        ScoringError: its recipe asks for scores in a way that is not known any more.
    """
    record = load_run_record(folder)
    pictures = draw_pictures(record)
    chosen = find_chosen(folder.path)
    parts = CardParts(
        checkpoint=None if chosen is None else str(chosen),
        settings=flatten(record.recipe),
        defaults=list_defaults(record.recipe["task"]),
        samples=choose_samples(record),
        pictures=pictures,
    )
    # Last: a card says that the run's results are all there.
    write_text(folder.card, build_model_card(record, parts))
    return record


def draw_pictures(record: RunRecord) -> dict[str, str]:
    """Draws what the files of a run have figures for; the pictures' paths from the run folder by name."""
    train = record.inputs["splits"]["train"] if record.inputs else None
    builders: dict[str, Callable[[], Any]] = {
        "curves": lambda: build_curves(record),
        "lengths": lambda: build_token_lengths(train, "training") if train else None,
        "output_lengths": lambda: build_output_lengths(record.predictions or []),
    }
    drawn = {}
    for name, build in builders.items():
        path = record.folder.pictures / f"{name}.png"
        figure = build()
        if figure is None:
            path.unlink(missing_ok=True)  # of a report made when there was more
            continue
        save_figure(figure, path)
        drawn[name] = f"{record.folder.pictures.name}/{path.name}"
    return drawn


def choose_samples(record: RunRecord) -> list[Sample]:
    """The best, median and worst test outputs by the run's first metrics; those of equal scores in their own order."""
    rows = record.predictions
    if not rows:
        return []
    options = load_evaluation(record)
    ranking = _choose_ranking(options)
    if not ranking:  # by metrics that only describe
        return []
    scores = {metric: _score_rows(metric, rows, options) for metric in ranking}
    samples = []
    for standing, number in choose_rows(_rank_rows(scores, ranking)):
        row = rows[number]
        samples.append(
            Sample(
                standing=standing,
                row=number + 1,
                scores={metric: values[number] for metric, values in scores.items()},
                source=row["source"],
                references=tuple(row["references"]),
                prediction=row["prediction"],
            )
        )
    return samples


def _choose_ranking(options: EvaluationOptions) -> dict[str, Better]:
    """The metrics that rows are ranked by, the first of the run's that can rank, and which of two values is better."""
    ranking: dict[str, Better] = {}
    for metric in options.metrics:
        better = find_metric(metric).better
        if better is not None and len(ranking) < RANKED_BY:
            ranking[metric] = better
    return ranking


def _score_rows(metric: str, rows: Sequence[Mapping[str, Any]], options: EvaluationOptions) -> Sequence[float]:
    """The value of every row by a metric."""
    return compute_text_scores(
        metric,
        sources=[row["source"] for row in rows],
        predictions=[row["prediction"] for row in rows],
        references=[row["references"] for row in rows],
        options=options,
    )


def _rank_rows(scores: Mapping[str, Sequence[float]], ranking: Mapping[str, Better]) -> list[int]:
    """The numbers of the rows, the best first; where one metric tells two apart no more, the next one does."""
    badness = []
    for metric, values in scores.items():
        badness.append([measure_badness(value, ranking[metric]) for value in values])
    ranks = list(zip(*badness, strict=True))
    # Sorting is stable: rows that no metric tells apart keep their order.
    return sorted(range(len(ranks)), key=lambda number: ranks[number])


def measure_badness(value: float, better: Better) -> float:
    """How far a text's score is from the best one: the larger, the worse; what is not a number is worst."""
    if math.isnan(value):
        return math.inf
    return {
        "higher": -value,
        "lower": value,
        "near_one": abs(value - 1),
    }[better]


def load_evaluation(record: RunRecord) -> EvaluationOptions:
    """How a run's recipe wants its outputs scored.

    Raises:
        ScoringError: naming the options that are not known any more.
    """
    try:
        return EvaluationOptions(**record.recipe["evaluation"])
    except ValidationError as error:
        lines = [format_option_error(EvaluationOptions, item) for item in error.errors()]
        raise ScoringError(
            f"{record.folder.recipe}: its outputs cannot be scored again, because `evaluation` was written for another "
            "version:\n" + "\n".join(lines) + "\nPut the options there as they are called now, or score with "
            "`seq2seq evaluate`."
        ) from None


def list_defaults(task: str) -> dict[str, Any]:
    """The value that every option has in a recipe that only names the task, by dotted key; required ones are left out.

    A task that is not to be had here has no defaults of its own.
    """
    try:
        of_task = find_task(task).recipe_defaults()
    except RecipeError:
        of_task = {}
    return flatten(merge(_list_field_defaults(Recipe), of_task))


def _list_field_defaults(options: type[Options]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, field in options.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Options):
            values[name] = _list_field_defaults(field.annotation)
        elif (default := field.get_default(call_default_factory=True)) is not PydanticUndefined:
            values[name] = list(default) if isinstance(default, tuple) else default
    return values

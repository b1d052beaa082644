"""What `seq2seq inspect` finds out about a recipe before anything is trained; shown by tables.py."""

from collections.abc import Iterable
from pathlib import Path

import torch

from ...base.console import show_progress
from ...base.errors import TrainingError
from ...data.duplicates import COMPARISON, Matches, find_conflicting, find_overlap, find_repeated
from ...data.lengths import summarize_lengths
from ...data.survey import Survey, locate_rows, survey_split
from ...processes.group import build_accelerator, leave_processes
from ...recipe.recipe import Recipe, load_recipe
from ...run_folder.folder import RunFolder
from ...runs.run import Run
from ...runs.splits import TextData
from ...runs.start import start_model
from ...text.round_trip import measure_round_trip
from .estimates import estimate_memory, estimate_time, look_at_batches, plan_schedule
from .figures import DuplicateKind, Duplicates, Finding, Inspection, ShownRow, SplitFigures
from .warnings import list_warnings

SAMPLED_TARGETS = 10_000  # of each split, written into tokens and back
COMPARED_SPLITS = (("validation", "train"), ("test", "train"), ("test", "validation"))


def inspect_run(run: Run, *, examples: int, timed: bool) -> Inspection:
    """Looks at the data of a run and times its model; the run itself is of no use afterwards."""
    visible = run.accelerator.is_main_process
    surveys = {name: _survey(name, data, visible) for name, data in run.data.splits.items()}
    splits = {name: _summarize_split(run, data, surveys[name], examples) for name, data in run.data.splits.items()}
    duplicates = _list_duplicates(run, surveys)
    trainer = run.trainer
    batches = look_at_batches(trainer)
    schedule = plan_schedule(trainer, batches)
    model = run.start.model
    positions = {"source": model.max_source_positions, "target": model.max_target_positions}
    findings = list_warnings(run.recipe, splits, duplicates, schedule, positions)
    time = None
    if timed:
        try:
            time = estimate_time(run, trainer, schedule, batches)
        except TrainingError as error:  # memory does not hold a single pair; the rest is worth knowing all the same
            findings.append(Finding("memory", str(error)))
    return Inspection(
        recipe=run.recipe.model_dump(mode="json"),
        origin=run.start.origin,
        splits=splits,
        duplicates=duplicates,
        comparison=COMPARISON,
        schedule=schedule,
        memory=estimate_memory(run),
        time=time,
        warnings=tuple(findings),
    )


def _survey(name: str, data: TextData, visible: bool) -> Survey:
    with show_progress(f"reading data.{name}", len(data.encoded), visible=visible) as bar:
        return survey_split(data.split, data.encoded, sample_texts=SAMPLED_TARGETS, advance=bar.advance)


def _summarize_split(run: Run, data: TextData, survey: Survey, examples: int) -> SplitFigures:
    tokenizer, normalization = run.start.tokenizers.target, run.recipe.evaluation.normalization
    first = enumerate(data.read_first(examples))
    return SplitFigures(
        rows=len(data.encoded),
        source=summarize_lengths(survey.source_lengths, data.split.max_source_tokens),
        target=summarize_lengths(survey.target_lengths, data.split.max_target_tokens),
        round_trip=measure_round_trip(tokenizer, survey.sample, normalization),
        examples=tuple(_show_row(run, data, survey, row, example.place) for row, example in first),
    )


def _show_row(run: Run, data: TextData, survey: Survey, row: int, place: str) -> ShownRow:
    source, labels = data.encoded.sources[row].tolist(), data.encoded.labels[row].tolist()
    shifted = run.start.model.shift_right(torch.tensor([labels]))[0].tolist()
    name_source = run.start.tokenizers.source.convert_ids_to_tokens
    name_target = run.start.tokenizers.target.convert_ids_to_tokens
    return ShownRow(
        place=place,
        source=tuple(name_source(source)),
        decoder_input=tuple(name_target(shifted)),
        labels=tuple(name_target(labels)),
        cut_source_tokens=int(survey.source_lengths[row]) - len(source),
        cut_target_tokens=int(survey.target_lengths[row]) - len(labels),
    )


def _list_duplicates(run: Run, surveys: dict[str, Survey]) -> tuple[Duplicates, ...]:
    train = surveys["train"].hashes
    found: list[tuple[DuplicateKind, str, str, Matches]] = [
        ("repeated", "train", "train", find_repeated(train)),
        ("conflicting", "train", "train", find_conflicting(train)),
    ]
    for split, other in COMPARED_SPLITS:
        if split in surveys and other in surveys:
            mine, others = surveys[split].hashes, surveys[other].hashes
            found.append(("same source", split, other, find_overlap(mine.sources, others.sources)))
            found.append(("same pair", split, other, find_overlap(mine.pairs, others.pairs)))
    places = _locate_matches(run, found)
    return tuple(
        Duplicates(
            kind,
            split,
            other,
            rows=matches.rows,
            of=len(surveys[split].hashes.sources),
            place=places[split][matches.first[0]] if matches.first else None,
            like=places[other][matches.first[1]] if matches.first else None,
        )
        for kind, split, other, matches in found
    )


def _locate_matches(run: Run, found: list[tuple[DuplicateKind, str, str, Matches]]) -> dict[str, dict[int, str]]:
    """Places by split and row of all first matches; no split is read more than once."""
    wanted: dict[str, set[int]] = {name: set() for name in run.data.splits}
    for _, split, other, matches in found:
        if matches.first:
            wanted[split].add(matches.first[0])
            wanted[other].add(matches.first[1])
    return {name: locate_rows(data.split, wanted[name]) for name, data in run.data.splits.items()}


def inspect(
    recipe: Recipe | str | Path, overrides: Iterable[str] = (), *, examples: int = 2, time: bool = True
) -> Inspection:
    """What a recipe would train on and from, and what the run will take, before an hour is spent on it.

    Rows as the model sees them, lengths against the limits, duplicates and overlaps, what the target tokenizer cannot
    write, origin of the parameters, steps, memory and time, and warnings. Writes nothing but the cache.

    Args:
        examples: how many rows of each split to show.
        time: whether to run some updates and outputs, at most about half a minute, to estimate the time of the run.

    Raises:
        RecipeError, DataError, WarmStartError, TokenizerError, TrainingError: as `train` would.
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides)
    run = Run(recipe, start_model(recipe), RunFolder(Path(recipe.output)), build_accelerator(recipe))
    inspection = inspect_run(run, examples=examples, timed=time)
    leave_processes(run.accelerator)
    return inspection

"""What `seq2seq inspect` finds out about a recipe before anything is trained; shown by display.py."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...base.console import show_progress
from ...base.errors import ScoringError, TrainingError
from ...base.files import write_json
from ...base.memory import explain_memory
from ...base.options import build_options
from ...base.signatures import takes_options
from ...data.duplicates import COMPARISON, Matches, find_conflicting, find_overlap, find_repeated
from ...data.lengths import summarize_lengths
from ...data.references import find_other_references
from ...data.survey import Survey, locate_rows, survey_split
from ...metrics.blindness import format_replaced
from ...processes.group import build_accelerator, join_run, leave_processes
from ...recipe.recipe import Recipe, build_recipe, load_values
from ...run_folder.folder import RunFolder
from ...runs.metrics import find_blind, find_metrics_in_place, replace_metrics
from ...runs.positions import fit_lengths
from ...runs.precision import settle_precision
from ...runs.run import Run
from ...runs.splits import TextData
from ...runs.start import start_model
from ...text.round_trip import measure_round_trip
from ..early_checks import check_figures, check_recipe_data
from ..options.inspect import InspectOptions
from .estimates import estimate_memory, estimate_time, look_at_batches, plan_schedule
from .figures import DuplicateKind, Duplicates, Finding, Inspection, ShownRow, SplitFigures
from .warnings import list_warnings

SAMPLED_TARGETS = 10_000  # of each split, written into tokens and back
COMPARED_SPLITS = (("validation", "train"), ("test", "train"), ("test", "validation"))


def _inspect_run(run: Run, *, examples: int, timed: bool) -> Inspection:
    """Looks at the data of a run and times its model; the run itself is of no use afterwards."""
    splits = run.data.splits
    surveys = {name: _survey(name, data, run.accelerator.is_main_process) for name, data in splits.items()}
    figures = {name: _summarize_split(run, data, surveys[name], examples) for name, data in splits.items()}
    duplicates = _list_duplicates(splits, surveys)
    trainer = run.trainer
    trainer.loader = trainer.loader.for_epoch(0)  # pairs may be made anew for each
    batches = look_at_batches(trainer)
    schedule = plan_schedule(trainer, batches)
    model = run.start.model
    positions = {"source": model.max_source_positions, "target": model.max_target_positions}
    findings = list_warnings(run.recipe, figures, duplicates, schedule, positions)
    for name, data in splits.items():
        others = find_other_references(data.examples, run.recipe.data.columns)
        if others is not None:
            findings.append(Finding("references", f"data.{name}: {others}"))
    findings += _list_blind(run)
    time = None
    if timed:
        try:
            with explain_memory(TrainingError("Memory ran out in the validation or in the outputs that were timed.")):
                time = estimate_time(run, trainer, schedule, batches)
        except TrainingError as error:  # memory does not hold a single pair; the rest is worth knowing all the same
            findings.append(Finding("memory", str(error)))
    return Inspection(
        recipe=run.recipe.model_dump(mode="json"),
        origin=run.start.origin,
        splits=figures,
        duplicates=duplicates,
        comparison=COMPARISON,
        schedule=schedule,
        memory=estimate_memory(run),
        time=time,
        warnings=tuple(findings),
    )


def _list_blind(run: Run) -> list[Finding]:
    """Metrics that see nothing or little of the references, or cannot be computed here."""
    findings = []
    recipe = run.recipe
    replaced = find_metrics_in_place(recipe)
    if replaced is not None:
        findings.append(Finding("metrics", format_replaced(replaced, recipe.evaluation.metrics)))
        recipe = replace_metrics(recipe, replaced)
    try:
        found = find_blind(recipe, run.data, recipe.evaluation, run.source)
    except ScoringError as error:
        return [*findings, Finding("metrics", str(error))]
    for split, blind in found.items():
        findings += [Finding("metrics", f"data.{split}: {blindness}") for blindness in blind]
    return findings


def _survey(name: str, data: TextData, visible: bool) -> Survey:
    with show_progress(f"reading data.{name}", len(data.encoded), visible=visible) as bar:
        return survey_split(
            data.split,
            data.encoded,
            sample_texts=SAMPLED_TARGETS,
            advance=bar.advance,
        )


def _summarize_split(
    run: Run,
    data: TextData,
    survey: Survey,
    examples: int,
) -> SplitFigures:
    tokenizer = run.start.tokenizers.target
    normalization = run.recipe.evaluation.normalization
    shown = []
    for row, example in enumerate(data.read_first(examples)):
        shown.append(_show_row(run, data, survey, row, example.where))
    return SplitFigures(
        rows=len(data.encoded),
        source=summarize_lengths(survey.source_lengths, data.split.max_source_tokens),
        target=summarize_lengths(survey.target_lengths, data.split.max_target_tokens),
        round_trip=measure_round_trip(tokenizer, survey.sample, normalization),
        examples=tuple(shown),
        source_marks=survey.source_marks,
        target_marks=survey.target_marks,
        left_out=data.left_out,
    )


def _show_row(
    run: Run,
    data: TextData,
    survey: Survey,
    row: int,
    where: str,
) -> ShownRow:
    source = data.encoded.sources[row]
    labels = data.encoded.labels[row].tolist()
    # The model takes batches: one of a single row.
    decoder_input = run.start.model.shift_right(torch.tensor([labels]))[0].tolist()
    name_target = run.start.tokenizers.target.convert_ids_to_tokens
    return ShownRow(
        place=where,
        source=tuple(run.source.name_positions(source)),
        decoder_input=tuple(name_target(decoder_input)),
        labels=tuple(name_target(labels)),
        cut_source_tokens=int(survey.source_lengths[row] - data.encoded.sources.lengths[row]),
        cut_target_tokens=int(survey.target_lengths[row]) - len(labels),
    )


@dataclass(frozen=True)
class _SplitMatches:
    """Rows of `split` that repeat or contradict rows of `other`."""

    kind: DuplicateKind
    split: str
    other: str
    matches: Matches


def _list_duplicates(splits: Mapping[str, TextData], surveys: Mapping[str, Survey]) -> tuple[Duplicates, ...]:
    all_matches = _find_matches(surveys)
    locations = _locate_matches(splits, all_matches)
    duplicates = []
    for one in all_matches:
        first = one.matches.first
        duplicates.append(
            Duplicates(
                kind=one.kind,
                split=one.split,
                other=one.other,
                rows=one.matches.rows,
                of=len(surveys[one.split].hashes.sources),
                place=locations[one.split][first[0]] if first else None,
                like=locations[one.other][first[1]] if first else None,
            )
        )
    return tuple(duplicates)


def _find_matches(surveys: Mapping[str, Survey]) -> list[_SplitMatches]:
    train = surveys["train"].hashes
    all_matches = [
        _SplitMatches("repeated", "train", "train", find_repeated(train)),
        _SplitMatches("conflicting", "train", "train", find_conflicting(train)),
    ]
    # What stands in two splits at once flatters scores, or the choice of a checkpoint.
    for split, other in COMPARED_SPLITS:
        if split in surveys and other in surveys:
            mine = surveys[split].hashes
            others = surveys[other].hashes
            all_matches.append(
                _SplitMatches(
                    "same source",
                    split,
                    other,
                    find_overlap(mine.sources, others.sources),
                )
            )
            all_matches.append(
                _SplitMatches(
                    "same pair",
                    split,
                    other,
                    find_overlap(mine.pairs, others.pairs),
                )
            )
    return all_matches


def _locate_matches(splits: Mapping[str, TextData], all_matches: Sequence[_SplitMatches]) -> dict[str, dict[int, str]]:
    """Files and lines by split and row of all first matches; no split is read more than once."""
    wanted: dict[str, set[int]] = {name: set() for name in splits}
    for one in all_matches:
        if one.matches.first:
            row, like = one.matches.first
            wanted[one.split].add(row)
            wanted[one.other].add(like)
    return {name: locate_rows(data.split, wanted[name]) for name, data in splits.items()}


@takes_options(InspectOptions)
def inspect(recipe: Recipe | str | Path, overrides: Iterable[str] = (), **given: Any) -> Inspection:
    """What a recipe would train on and from, and what the run will take, before an hour is spent on it.

    Rows as the model sees them, lengths against the limits, duplicates and overlaps, what the target tokenizer cannot
    write, origin of the parameters, steps, memory and time, and warnings. Writes nothing but the cache and, where it is
    asked for, the file of figures.

    Raises:
        RecipeError, DataError, WarmStartError, TokenizerError, TrainingError: as `train` would.
    """
    options = build_options(InspectOptions, given)
    check_figures(options)
    if isinstance(recipe, Recipe):
        values = recipe.model_dump(mode="json", exclude_unset=True)
    else:
        values = load_values(recipe, overrides)
        recipe = build_recipe(values, str(recipe))
    check_recipe_data(recipe)
    processes = join_run(recipe)
    start = start_model(recipe)
    recipe = fit_lengths(recipe, start, values, visible=processes.is_main_process)
    recipe = settle_precision(recipe, start.model, processes)
    run = Run(recipe, start, RunFolder(Path(recipe.output)), build_accelerator(recipe))
    inspection = _inspect_run(run, examples=options.examples, timed=options.time)
    if options.figures is not None and run.accelerator.is_main_process:
        write_json(options.figures, inspection.to_dict())
    leave_processes(run.accelerator)
    return inspection

"""What can be said about a verb's arguments at once: paths, names, columns of first rows. Imports no torch.

A command asks here before it imports its verb, which takes seconds; the verb asks again, for callers from Python. On
several processes nothing is said of data: they would end one by one, where they must end together.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..base.errors import AnalysisError, CheckpointError, DataError
from ..base.options import build_options
from ..checkpoints.description import DESCRIPTION_FILE, CheckpointDescription
from ..checkpoints.find import find_local
from ..data.examples import read_examples
from ..data.file_kinds import FORMATS, find_kind, is_json_lines, is_row_format
from ..data.options import LayoutOptions, build_layout
from ..data.plain_text import STANDARD_INPUT
from ..data.readers import check_content, find_file, is_file_name
from ..generation.outputs import STANDARD_OUTPUT, check_apart, check_output
from ..metrics.options import EvaluationOptions
from ..processes.launch import check_launch, count_processes, read_launcher_command
from ..recipe.recipe import Recipe
from ..run_folder.folder import RunFolder
from ..sources.options import SourceOptions
from ..sources.source import Source
from .options import (
    AttentionOptions,
    AverageOptions,
    EvaluateOptions,
    ExportOptions,
    GenerateFileOptions,
    HeadsOptions,
    InspectOptions,
    PairOptions,
    PruneOptions,
    ScoreOptions,
    TokenizerOptions,
    TrainOptions,
)


def check_train(recipe: Recipe, options: TrainOptions) -> None:
    """Looks at the data of a run; of one that goes on, whose data may be read as in an earlier version, at the files.

    Raises:
        TrainingError: as `check_launch`.
        DataError: as `check_recipe_data`.
    """
    check_launch(os.environ, read_launcher_command(), recipe.training.precision)
    if options.resume:
        check_files([*recipe.data.train, *recipe.data.validation, *recipe.data.test])
    else:
        check_recipe_data(recipe)


def check_recipe_data(recipe: Recipe) -> None:
    """Looks at the first row of every file that a recipe names.

    Raises:
        DataError: a file is missing or empty, or its first row is broken or lacks a column or a text.
    """
    data = recipe.data
    source = recipe.source.build_reader(data.normalization)
    _check_first_rows([*data.train, *data.validation, *data.test], data.layout, source)


def check_figures(options: InspectOptions) -> None:
    """Looks at where the figures of `inspect` are to go.

    Raises:
        DataError: they cannot be written there.
    """
    if options.figures is not None:
        check_output(options.figures)


def check_generate_file(
    checkpoint: Any,
    input: Any,
    options: GenerateFileOptions,
) -> None:
    """Looks at input, output and checkpoint of `generate_file`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: the input is missing, or is plain text though columns are named; or the output cannot be written, or
            is the input.
        TrainingError: as `check_launch`.
    """
    if options.output != STANDARD_OUTPUT:
        if find_kind(options.output) == "json" and not is_json_lines(options.output):
            raise DataError(f"{options.output}: outputs are written as plain text or .jsonl. Choose such a name.")
        check_output(options.output)
    if isinstance(input, str) and input != STANDARD_INPUT:
        check_apart(find_file(input), options.output)
        check_files([input])
    for_rows = (options.columns, options.header, options.delimiter, options.quoting)
    if any(for_rows) and not (isinstance(input, str) and is_row_format(input)):
        name = "standard input" if input == STANDARD_INPUT else input if isinstance(input, str) else "the input"
        raise DataError(f"{name} is plain text: columns and a header are for rows ({FORMATS}). Leave them out.")
    check_launch(os.environ, read_launcher_command(), None)
    check_checkpoint(checkpoint)


def check_evaluate(checkpoint: Any, options: EvaluateOptions) -> None:
    """Looks at output, checkpoint and data of `evaluate`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: the output is a run or cannot be written, or as `check_recipe_data` of the data.
        ScoringError: an evaluation option is wrong.
        TrainingError: as `check_launch`.
    """
    if RunFolder(options.output).exists():
        raise DataError(f"{options.output} is a run, whose own scores would be lost. Choose another output.")
    check_output(options.output / "predictions.jsonl")
    build_options(EvaluationOptions, options.scoring)  # the checkpoint's own, under it, are known to be right
    check_launch(os.environ, read_launcher_command(), None)
    check_checkpoint(checkpoint)
    _check_pairs(checkpoint, options, options.data)


def check_prune(checkpoint: Any, options: PruneOptions) -> None:
    """Looks at what is to be removed, and at output, checkpoint and data of `prune`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: the output cannot be written, or as `check_recipe_data` of the data.
        AnalysisError: the output exists, nothing is to be removed, or there is no curve to measure more on.
        ScoringError: a metric is unknown.
    """
    if options.output.exists():
        raise AnalysisError(f"{options.output} exists. Choose another output, or remove it.")
    if options.keep is None and options.encoder_layers is None and options.decoder_layers is None:
        raise AnalysisError("Nothing is to be removed. Say which share of heads to keep, or how many layers.")
    check_output(options.output)
    if (options.metrics or options.test is not None) and (options.keep is None or not options.curve):
        raise AnalysisError("metrics and test are of the curve of heads: set keep, and leave curve on.")
    if options.metrics:
        build_options(EvaluationOptions, {"metrics": options.metrics})
    check_checkpoint(checkpoint)
    _check_pairs(checkpoint, options, [*options.data, *(options.test or ())])


def check_analyze_heads(checkpoint: Any, options: HeadsOptions) -> None:
    """Looks at output, checkpoint and data of `analyze_heads`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: the output cannot be written, or as `check_recipe_data` of the data.
    """
    check_output(options.output / "heads.json")
    check_checkpoint(checkpoint)
    _check_pairs(checkpoint, options, options.data)


def check_analyze_attention(checkpoint: Any, options: AttentionOptions) -> None:
    """Looks at output and checkpoint of `analyze_attention`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: the output cannot be written.
    """
    check_output(options.output / "attention.json")
    check_checkpoint(checkpoint)


def check_export(checkpoint: Any, options: ExportOptions) -> None:
    """Looks at checkpoint and data of `export`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: a file of the data is missing.
    """
    check_checkpoint(checkpoint)
    check_files(options.data or ())


def check_average(checkpoints: Sequence[str | Path], options: AverageOptions) -> None:
    """Looks at output and checkpoints of `average`.

    Raises:
        CheckpointError: there is no such checkpoint, or the last of several runs are asked for.
        DataError: the output cannot be written.
    """
    if options.last is not None and len(checkpoints) != 1:
        found = f"found {len(checkpoints)} names"
        raise CheckpointError(f"The last {options.last} checkpoints are those of one run; {found}.")
    if not options.output.exists():  # which is refused when it is to be written
        check_output(options.output)
    for checkpoint in checkpoints:
        check_checkpoint(checkpoint)


def check_score(options: ScoreOptions) -> None:
    """Looks at metrics, files and checkpoint of `score`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: a file is missing.
        ScoringError: a metric is unknown or named twice, or there is none.
    """
    options.evaluation  # noqa: B018 - built to be checked
    check_files(name for name in (options.predictions, options.references, options.sources) if name is not None)
    check_checkpoint(options.checkpoint)


def check_train_tokenizer(options: TokenizerOptions) -> None:
    """Looks at output and data of `train_tokenizer`.

    Raises:
        DataError: the folder cannot be made or holds something already, or a file is missing.
    """
    check_output(options.output / "coverage.json")
    if any(options.output.iterdir()):
        raise DataError(f"{options.output} is not empty. Choose a new folder for the tokenizer.")
    check_files(options.data)


def check_checkpoint(checkpoint: Any) -> None:
    """Makes sure that a path leads to a checkpoint; what is loaded already, and a name for the hub, is taken as it is.

    Raises:
        CheckpointError: it does not.
    """
    if isinstance(checkpoint, str | Path):
        find_local(checkpoint)


def check_files(names: Iterable[str]) -> None:
    """Makes sure that the files among data names are there, and are of a kind that is read.

    Raises:
        DataError: one is not.
    """
    for name in names if _is_alone() else ():
        if is_file_name(name) and name != STANDARD_INPUT:
            check_content(name)


def _check_pairs(
    checkpoint: Any,
    options: PairOptions,
    names: Iterable[str],
) -> None:
    """Looks at the first row of every file as a checkpoint on disk would have it read, with the options over that."""
    if isinstance(checkpoint, str | Path) and (folder := find_local(checkpoint)) is not None:
        layout = {}  # published checkpoints know nothing of data
        source = SourceOptions()
        if (folder / DESCRIPTION_FILE).exists():
            description = CheckpointDescription.load(folder)
            layout = description.layout
            source = description.build_source_options(folder)
        chosen = build_layout(layout, options.layout)
        _check_first_rows(names, chosen, source.build_reader(chosen.normalization))


def _check_first_rows(names: Iterable[str], layout: LayoutOptions, source: Source) -> None:
    for name in names if _is_alone() else ():
        if is_file_name(name):
            next(read_examples([name], layout, source))


def _is_alone() -> bool:
    """Whether this process is the only one of its run."""
    return count_processes(os.environ) == 1

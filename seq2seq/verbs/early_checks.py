"""What can be said about a verb's arguments at once: paths, names, columns of first rows. Imports no torch.

A command asks here before it imports its verb, which takes seconds; the verb asks again, for callers from Python. On
several processes nothing is said of data: they would end one by one, where they must end together.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..base.errors import AnalysisError, CheckpointError, DataError, HubError
from ..base.files import is_packed
from ..base.hub_terms import OTHER_LICENSE
from ..base.hub_upload import Destination, check_destination, check_repository_name
from ..base.options import build_options
from ..base.output_paths import check_replaceable, check_replaceable_folder, check_root
from ..checkpoints.description import find_description
from ..checkpoints.find import check_replaceable_checkpoint, find_local
from ..data.examples import read_examples
from ..data.file_kinds import FORMATS, find_kind, is_json_lines, is_row_format
from ..data.options import LayoutOptions, build_layout
from ..data.plain_text import STANDARD_INPUT
from ..data.readers import check_content, find_file, is_file_name
from ..generation.outputs import (
    STANDARD_OUTPUT,
    check_apart,
    check_new_folder,
    check_output,
    check_output_folder,
    check_replaceable_output,
)
from ..metrics.options import EvaluationOptions
from ..processes.launch import check_launch, count_processes, read_launcher_command
from ..recipe.recipe import Recipe
from ..recipe.task import find_task
from ..run_folder.folder import RunFolder
from ..sources.options import SourceOptions
from ..sources.source import Source
from .options.analyze import AttentionOptions, HeadsOptions
from .options.average import AverageOptions
from .options.evaluate import EvaluateOptions
from .options.export import ExportOptions
from .options.generate_file import GenerateFileOptions
from .options.init import InitOptions
from .options.inspect import InspectOptions
from .options.pairs import PairOptions
from .options.prune import PruneOptions
from .options.push import PushOptions
from .options.score import ScoreOptions
from .options.tokenizer import TokenizerOptions
from .options.train import TrainOptions

COVERAGE_FILE = "coverage.json"  # beside a trained tokenizer
NO_DATASETS = "none"  # what says that the hub has none of the data of a model


def check_train(recipe: Recipe, options: TrainOptions) -> None:
    """Looks at the data of a run; of one that goes on, whose data may be read as in an earlier version, at the files.

    Raises:
        TrainingError: as `check_launch`.
        DataError: as `check_recipe_data`; or the run folder would be made at the root of the disk.
    """
    check_root(Path(recipe.output))
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


def check_init(name: str, options: InitOptions) -> None:
    """Looks at the files that `init` is given, and at what it would write.

    Raises:
        DataError: a file is missing, is no file of rows, or an output exists or cannot be made.
        RecipeError: there is no such task.
    """
    if not is_file_name(name):
        raise DataError(
            f"{name}: expected a file. A split of the hub is named in a recipe: seq2seq recipes show reference"
        )
    check_content(name)
    if not is_row_format(name):
        raise DataError(f"{name}: expected pairs in rows, {FORMATS}; found plain text, which has no columns.")
    check_files([*(options.validation or ()), *(options.test or ())])
    if options.task is not None:
        find_task(options.task)
    outputs = list_init_outputs(name, options)
    check_replaceable(outputs.values(), overwrite=False)
    check_root(outputs["recipe"].parent)


def list_init_outputs(name: str, options: InitOptions) -> dict[str, Path]:
    """What `init` writes: its recipe and, unless both validation and test are given, the splits that it makes."""
    output = options.output
    if output is None:
        path = Path(Path(name).stem) if is_packed(Path(name)) else Path(name)
        output = Path(path.stem)
    is_recipe = output.suffix in (".yaml", ".yml")
    folder = output.parent if is_recipe else output
    outputs = {"recipe": output if is_recipe else output / "recipe.yaml"}
    missing = [split for split in ("validation", "test") if getattr(options, split) is None]
    for split in ("train", *missing) if missing else ():
        outputs[split] = folder / f"{split}.jsonl"
    return outputs


def check_figures(options: InspectOptions) -> None:
    """Looks at where the figures of `inspect` are to go.

    Raises:
        DataError: they cannot be written there, or something is there that is not to be replaced.
    """
    if options.figures is not None:
        check_output(options.figures)
        check_replaceable([options.figures], overwrite=options.overwrite)


def check_generate_file(
    checkpoint: Any,
    input: Any,
    options: GenerateFileOptions,
) -> None:
    """Looks at input, output and checkpoint of `generate_file`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: the input is missing, or is plain text though columns are named; or the output cannot be written, is
            the input, or is there and is neither to be gone on with nor to be replaced.
        TrainingError: as `check_launch`.
    """
    if options.output != STANDARD_OUTPUT:
        if find_kind(options.output) == "json" and not is_json_lines(options.output):
            raise DataError(f"{options.output}: outputs are written as plain text or .jsonl. Choose such a name.")
        check_output(options.output)
    if isinstance(input, str) and input != STANDARD_INPUT:
        check_apart(find_file(input), options.output)
        check_files([input])
    if options.resume and options.overwrite:
        raise DataError("An output is either gone on with (resume) or replaced (overwrite). Leave one of them out.")
    if options.output != STANDARD_OUTPUT and not options.resume:
        check_replaceable_output(options.output, overwrite=options.overwrite)
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
        DataError: the output is a run or cannot be written, or holds what is not to be replaced; or as
            `check_recipe_data` of the data.
        ScoringError: an evaluation option is wrong.
        TrainingError: as `check_launch`.
    """
    if RunFolder(options.output).exists():
        raise DataError(f"{options.output} is a run, whose own scores would be lost. Choose another output.")
    check_output_folder(options.output)
    _check_replaceable(options, "predictions.jsonl", "scores.json")
    build_options(EvaluationOptions, options.scoring)  # the checkpoint's own, under it, are known to be right
    check_launch(os.environ, read_launcher_command(), None)
    check_checkpoint(checkpoint)
    _check_pairs(checkpoint, options, options.data)


def check_prune(checkpoint: Any, options: PruneOptions) -> None:
    """Looks at what is to be removed, and at output, checkpoint and data of `prune`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: the output cannot be written, or as `check_recipe_data` of the data.
        AnalysisError: the output exists and is not to be replaced, nothing is to be removed, or there is no curve to
            measure more on.
        ScoringError: a metric is unknown.
    """
    _check_checkpoint_output(checkpoint, options)
    if options.keep is None and options.encoder_layers is None and options.decoder_layers is None:
        raise AnalysisError("Nothing is to be removed. Say which share of heads to keep, or how many layers.")
    check_new_folder(options.output)
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
        DataError: the output cannot be written, or holds what is not to be replaced; or as `check_recipe_data` of the
            data.
    """
    check_output_folder(options.output)
    _check_replaceable(options, "heads.json", "heads.png")
    check_checkpoint(checkpoint)
    _check_pairs(checkpoint, options, options.data)


def check_analyze_attention(checkpoint: Any, options: AttentionOptions) -> None:
    """Looks at output and checkpoint of `analyze_attention`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: the output cannot be written, or holds what is not to be replaced.
    """
    check_output_folder(options.output)
    _check_replaceable(options, "attention.json", "attention.html", "attention.safetensors")
    check_checkpoint(checkpoint)


def check_export(checkpoint: Any, options: ExportOptions) -> None:
    """Looks at output, checkpoint and data of `export`.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: the output cannot be written, or a file of the data is missing.
        ExportError: the output exists and is not to be replaced.
    """
    _check_checkpoint_output(checkpoint, options)
    check_new_folder(options.output)
    check_checkpoint(checkpoint)
    check_files(options.data or ())


def check_average(checkpoints: Sequence[str | Path], options: AverageOptions) -> None:
    """Looks at output and checkpoints of `average`.

    Raises:
        CheckpointError: there is no such checkpoint, or the last of several runs are asked for; or the output exists
            and is not to be replaced.
        DataError: the output cannot be written.
    """
    if options.last is not None and len(checkpoints) != 1:
        found = f"found {len(checkpoints)} names"
        raise CheckpointError(f"The last {options.last} checkpoints are those of one run; {found}.")
    for checkpoint in checkpoints:
        _check_checkpoint_output(checkpoint, options)
    check_new_folder(options.output)
    for checkpoint in checkpoints:
        check_checkpoint(checkpoint)


def check_push(checkpoint: str | Path, destination: Destination, options: PushOptions) -> None:
    """Looks at the names, the license and the checkpoint of `push`.

    Raises:
        CheckpointError: there is no such checkpoint.
        HubError: a name may not be one, the license does not fit its name, or the checkpoint is the hub's already.
    """
    check_destination(destination)
    datasets = options.datasets or ()
    if NO_DATASETS in datasets and len(datasets) > 1:
        raise HubError(
            f"datasets: {NO_DATASETS} stands alone (found: {', '.join(datasets)}). Leave it or the others out."
        )
    for name in datasets:
        check_repository_name(name, "datasets")
    is_other = options.license == OTHER_LICENSE
    if is_other and options.license_name is None:
        raise HubError("license: other needs a license_name, and a license_link where its text is to be read.")
    if not is_other and (options.license_name is not None or options.license_link is not None):
        raise HubError(
            "license_name and license_link are of licenses that the hub does not name: license is then other."
        )
    if find_local(checkpoint) is None:
        raise HubError(
            f"{checkpoint} is no folder here. Give a run or a checkpoint; what is on the hub is there already."
        )


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
        DataError: the folder cannot be made or holds what is not to be replaced, or a file is missing.
    """
    check_replaceable_folder(options.output, overwrite=options.overwrite, mark=COVERAGE_FILE)
    check_new_folder(options.output)
    check_files(options.data)


def _check_replaceable(options: EvaluateOptions | HeadsOptions | AttentionOptions, *names: str) -> None:
    """Refuses to write over files of an output folder."""
    paths = [options.output / name for name in names]
    check_replaceable(paths, overwrite=options.overwrite)


def _check_checkpoint_output(checkpoint: Any, options: PruneOptions | ExportOptions | AverageOptions) -> None:
    """Refuses a folder for a checkpoint made from another one, where that or anything else would be lost.

    Raises:
        options.error: naming what is there.
    """
    output = options.output
    check_replaceable_checkpoint(output, overwrite=options.overwrite, error=options.error)
    is_named = isinstance(checkpoint, str | Path) and Path(checkpoint).exists()
    if is_named and output.exists() and output.samefile(checkpoint):
        raise options.error(f"{output} is the checkpoint itself and would be lost. Choose another output.")


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
        if (description := find_description(folder)) is not None:
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

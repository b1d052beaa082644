"""Runs: inspected, trained, reported; and tokenizers to train with."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from accelerate import Accelerator

from ..assembly.comparison import check_page, compare_runs, write_comparison
from ..assembly.inspection.figures import Inspection
from ..assembly.inspection.inspect import inspect_run
from ..assembly.processes import build_accelerator, leave_processes, run_on_main
from ..assembly.report import explain_refused, write_report
from ..assembly.run import Run
from ..assembly.start import check_same_recipe, resume_model, start_model
from ..assembly.storage import hold_folder
from ..checkpoints.steps import list_steps
from ..data.options import LayoutOptions
from ..data.outputs import check_output
from ..data.training_texts import Sides, read_training_texts
from ..errors import DataError, ScoringError, TrainingInterrupted
from ..files import write_json
from ..options import build_options
from ..recipe import Recipe, load_recipe
from ..reports.console import errors
from ..reports.run_folder import RunFolder
from ..text.coverage import Coverage, measure_coverage
from ..text.tokenizer_training import Kind
from ..text.tokenizer_training import train_tokenizer as train_tokenizer_on
from ..text.tokenizers import TokenizerPair
from ..training.early_stopping import describe_end
from ..training.signals import find_stop_signal


def train(recipe: Recipe | str | Path, overrides: Iterable[str] = (), *, resume: bool = False) -> Path:
    """Trains by a recipe and returns the run folder.

    Every process of a distributed launch calls this. When training ends, the outputs for data.test are written and
    scored with the best checkpoint.

    Args:
        recipe: a recipe, or the path of a recipe file, over which `overrides` such as "training.max_steps=10" go.
        resume: go on from the newest whole checkpoint of the run folder; begin where there is no run yet.

    Raises:
        RecipeError, DataError, WarmStartError, TokenizerError: before anything is trained.
        TrainingError: the run folder is taken, in use or another recipe's; the loss is not finite; the disk is full.
        TrainingInterrupted: SIGTERM or SIGUSR1 asked the run to stop; it saved a checkpoint and can go on.
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides)
    folder = RunFolder(Path(recipe.output))
    accelerator = build_accelerator(recipe)
    try:
        with hold_folder(folder, accelerator):
            message = _train_in(folder, recipe, accelerator, resume=resume)
    except TrainingInterrupted:
        leave_processes(accelerator)
        raise
    if accelerator.is_main_process:
        errors().print(message)
    leave_processes(accelerator)
    return folder.path


def _train_in(folder: RunFolder, recipe: Recipe, accelerator: Accelerator, *, resume: bool) -> str:
    """Trains in a folder that is held; returns what to tell the user."""
    resuming, begun = run_on_main(accelerator, lambda: (resume and bool(list_steps(folder.path)), folder.exists()))
    if (resume and begun) or resuming:
        check_same_recipe(folder, recipe)
    else:
        run_on_main(accelerator, folder.check_free)
    start = resume_model(folder, accelerator) if resuming else start_model(recipe)
    run = Run(recipe, start, folder, accelerator)
    trainer = run.build_trainer()
    if resuming and run.is_finished(trainer.max_steps):
        end = describe_end(trainer.state, recipe.training, trainer.max_steps)
        return f"The run in {folder.path} is finished: {end}."
    run.open_folder(resuming)
    try:
        signal = find_stop_signal(trainer.train())
        if signal is not None:
            saved = f"the run in {folder.path} has saved its step {trainer.state.step}"
            raise TrainingInterrupted(f"{signal.name} came: {saved} and goes on with --resume.", signal)
        run.warn_of_unread_sources()
        run.write_test_results()
        run.write_report()
    except OSError:
        run.log_os_error()
        raise
    return f"Run folder: {folder.path}"


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


def report(*runs: str | Path, output: str | Path | None = None, samples: int = 3) -> Path:
    """Makes a run's card and pictures again, or writes a comparison of several runs; returns the page written.

    Example: report("runs/warm", "runs/cold", output="runs/compared")

    Args:
        runs: run folders; the others are tested against the first.
        output: the folder for the comparison; left out for the card of one run.
        samples: how many test rows the comparison shows.

    Raises:
        CheckpointError: a folder holds no run.
        DataError: a file of one is missing or broken, or the page cannot be written.
        ScoringError: several were not tested alike, or are to be compared without an output, or a page of another kind
            stands there.
    """
    folders = [RunFolder(Path(run)) for run in runs]
    if output is not None:
        check_page(Path(output))
        comparison = compare_runs(folders)
        with explain_refused():
            return write_comparison(comparison, Path(output), samples)
    if len(folders) != 1:
        raise ScoringError(f"Found {len(folders)} runs and no output. Give the folder for their comparison.")
    with explain_refused():
        write_report(folders[0])
    return folders[0].card


def train_tokenizer(
    data: Sequence[str],
    *,
    output: str | Path,
    kind: Kind = "unigram",
    size: int = 8000,
    lowercase: bool = False,
    character_coverage: float | None = None,
    columns: Sides = "both",
    source_column: str | Sequence[str] = "source",
    target_column: str | Sequence[str] = "target",
    header: Sequence[str] = (),
    normalization: Sequence[str] = (),
) -> dict[str, Coverage]:
    """Trains a tokenizer on the texts of data files; writes it, and coverage.json beside it, into a new folder.

    The same data and options write the same bytes.

    Args:
        data: names as under `data.train` of a recipe, or plain text files, one text a line.
        columns: which of the two sides to train on; plain text has none.
        source_column, target_column, header, normalization: as under `data` of a recipe.
        kind, size, lowercase, character_coverage: see `text.tokenizer_training.train_tokenizer`.

    Returns:
        How the tokenizer covers the texts, by column.

    Raises:
        DataError: a file is missing or broken, a column is missing, or the folder holds something already.
        TokenizerError: the texts do not give such a tokenizer.
    """
    folder = Path(output)
    check_output(folder / "coverage.json")
    if any(folder.iterdir()):
        raise DataError(f"{folder} is not empty. Choose a new folder for the tokenizer.")
    named = {"columns": {"source": source_column, "target": target_column}}
    layout = build_options(LayoutOptions, named | {"header": header, "normalization": normalization}, DataError)
    texts = read_training_texts(data, layout, sides=columns)
    everything = [text for side in texts.values() for text in side]
    tokenizer = train_tokenizer_on(
        everything, kind=kind, size=size, lowercase=lowercase, character_coverage=character_coverage
    )
    coverage = {side: measure_coverage(tokenizer, side_texts) for side, side_texts in texts.items()}
    TokenizerPair(tokenizer, tokenizer).save(folder, max_source_tokens=tokenizer.model_max_length)
    described = {"kind": kind, "size": size, "lowercase": lowercase, "data": list(data)}
    described["coverage"] = {side: asdict(row) for side, row in coverage.items()}
    write_json(folder / "coverage.json", described)
    return coverage

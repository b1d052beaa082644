"""A run, from its recipe to its card."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from signal import SIGINT
from typing import Any

from ..base.console import errors, keep_log, messages, write_log_to
from ..base.errors import TrainingInterrupted
from ..base.options import build_options
from ..base.signatures import takes_options
from ..metrics.blindness import format_replaced
from ..processes.group import Processes, build_accelerator, join_run, leave_processes, run_on_main
from ..recipe.recipe import Recipe, build_recipe, load_values
from ..run_folder.folder import RunFolder, format_command
from ..run_folder.steps import list_saved
from ..runs.metrics import find_metrics_in_place, find_metrics_of_run, replace_metrics
from ..runs.positions import fit_lengths, list_free
from ..runs.precision import settle_precision, tell_idle_tf32
from ..runs.run import Run
from ..runs.start import adopt_old_values, check_same_recipe, resume_model, start_model
from ..runs.storage import hold_folder
from ..runs.threads import computing_with_threads
from ..training.early_stopping import format_end
from ..training.signals import find_stop_signal
from .early_checks import check_train
from .options.train import TrainOptions
from .report.card import write_report


@takes_options(TrainOptions)
def train(
    recipe: Recipe | str | Path,
    overrides: Iterable[str] = (),
    **given: Any,
) -> Path:
    """Trains by a recipe and returns the run folder.

    Every process of a distributed launch calls this. When training ends, the outputs for data.test are written and
    scored with the best checkpoint.

    Args:
        recipe: a recipe, or the path of a recipe file, over which `overrides` such as "training.max_steps=10" go.

    Raises:
        RecipeError, DataError, WarmStartError, TokenizerError: before anything is trained.
        TrainingError: the run folder is taken, in use or another recipe's; the first validation metric sees nothing of
            the references; the loss is not finite; the disk is full.
        ScoringError: a metric cannot be computed here.
        TrainingInterrupted: Ctrl-C, SIGTERM or SIGUSR1 asked the run to stop; it saved a checkpoint and can go on.
    """
    options = build_options(TrainOptions, given)
    names_metrics = False
    if isinstance(recipe, Recipe):
        # What was said alone: over a default, an old run's own value holds.
        values = recipe.model_dump(mode="json", exclude_unset=True)
    else:
        values = load_values(recipe, overrides)
        recipe = build_recipe(values, str(recipe))
        names_metrics = "metrics" in (values.get("evaluation") or {})
    check_train(recipe, options)
    folder = RunFolder(Path(recipe.output))
    if options.resume:
        recipe = adopt_old_values(folder, recipe, values)
    processes = join_run(recipe)
    try:
        with keep_log(processes.is_main_process), hold_folder(folder, processes):
            message = _train_in(
                folder,
                recipe,
                values,
                processes,
                names_metrics=names_metrics,
                resume=options.resume,
            )
            if processes.is_main_process:
                messages().print(message)
    except KeyboardInterrupt:  # while it loads, validates for the last time or scores; or a second one
        if processes.is_main_process:
            errors().print(_tell_how_to_go_on(folder))
        raise
    return folder.path


def _train_in(
    folder: RunFolder,
    recipe: Recipe,
    given: Mapping[str, Any],
    processes: Processes,
    *,
    names_metrics: bool,
    resume: bool,
) -> str:
    """The life of a run in a folder that is held; returns what to tell the user. `given` as in `fit_lengths`."""
    metrics = run_on_main(processes, lambda: _find_metrics(folder, recipe, names_metrics, resume))
    if metrics is not None:
        recipe = replace_metrics(recipe, metrics)
    # The main process looks for all of them: what each would find may differ.
    resuming = run_on_main(processes, lambda: resume and bool(list_saved(folder.path)))
    begun = run_on_main(processes, folder.exists)
    goes_on = resuming or (resume and begun)
    if goes_on:
        check_same_recipe(folder, recipe, unsettled=list_free(given))
    else:
        run_on_main(processes, folder.check_free)
    with computing_with_threads(recipe.training.threads, folder, processes, resuming=resuming):
        start = resume_model(folder, processes) if resuming else start_model(recipe)
        recipe = fit_lengths(recipe, start, given, visible=processes.is_main_process)
        recipe = settle_precision(recipe, start.model, processes, goes_on=goes_on)
        tell_idle_tf32(recipe, processes)
        if goes_on:
            check_same_recipe(folder, recipe)
        run = Run(recipe, start, folder, build_accelerator(recipe))
        try:
            message = _run(run, resuming=resuming)
        except TrainingInterrupted:
            leave_processes(run.accelerator)
            raise
        leave_processes(run.accelerator)
        return message


def _run(run: Run, *, resuming: bool) -> str:
    """From the first step that is to be done to the card; returns what to tell the user."""
    recipe = run.recipe
    folder = run.folder
    trainer = run.trainer
    if resuming and run.is_finished():
        end = format_end(trainer.state, recipe.training, trainer.max_steps)
        return f"The run in {folder.path} is finished: {end}."
    run.check_metrics(resuming=resuming)
    run.open_folder(resuming)
    write_log_to(folder.log, format_command(sys.argv))
    try:
        reason = trainer.train()
        _check_not_stopped(reason, folder, trainer.state.step)
        run.warn_of_unread_sources()
        run.write_test_results()
        run.tell_truncated()
        if run.accelerator.is_main_process:
            write_report(folder)
    except OSError:
        run.log_os_error()
        raise
    return f"Run folder: {folder.path}"


def _tell_how_to_go_on(folder: RunFolder) -> str:
    saved = list_saved(folder.path)
    if not saved:
        return f"Nothing of the run in {folder.path} was saved yet; with --resume it begins again."
    step, _ = saved[-1]
    return f"The run in {folder.path} is saved as of step {step} and goes on with --resume."


def _find_metrics(
    folder: RunFolder,
    recipe: Recipe,
    names_metrics: bool,
    resume: bool,
) -> tuple[str, ...] | None:
    """The metrics in place of those of the recipe's task, where these see nothing of the data; None where all stays."""
    if names_metrics:
        return None
    if resume and folder.exists():
        return find_metrics_of_run(folder, recipe)
    replaced = find_metrics_in_place(recipe)
    if replaced is not None:
        errors().print(format_replaced(replaced, recipe.evaluation.metrics))
    return replaced


def _check_not_stopped(
    reason: str,
    folder: RunFolder,
    step: int,
) -> None:
    """Makes sure that no signal ended the training.

    Raises:
        TrainingInterrupted: one did.
    """
    signal = find_stop_signal(reason)
    if signal is not None:
        name = "Ctrl-C" if signal is SIGINT else signal.name
        raise TrainingInterrupted(
            f"{name} came: the run in {folder.path} has saved its step {step} and goes on with --resume.",
            signal,
        )

"""The checkpoints of a run: what one of them holds, which is named the best, and which are kept."""

from collections.abc import Callable
from pathlib import Path

from accelerate import Accelerator

from ..checkpoints.description import CheckpointDescription
from ..checkpoints.folder import TrainingFiles, remove_checkpoint, write_checkpoint
from ..metrics.options import EvaluationOptions
from ..processes.group import run_on_main
from ..recipe.recipe import Recipe
from ..run_folder.folder import RunFolder
from ..run_folder.steps import (
    forget_best,
    list_rescues,
    list_steps,
    load_best,
    record_best,
    rescue_folder,
    step_folder,
)
from ..training.ema import export_weights
from ..training.optimizers import export_optimizer
from ..training.options import TrainingOptions
from ..training.sharding import gather_model
from ..training.state import TrainingState
from .preparation import PreparedModel
from .start import Start


class CheckpointWriter:
    """Writes the checkpoints of a run; every process holds one, and all save at once."""

    def __init__(
        self,
        recipe: Recipe,
        start: Start,
        evaluation: EvaluationOptions,
        prepared: PreparedModel,
        folder: RunFolder,
        accelerator: Accelerator,
    ) -> None:
        """`evaluation` is the section that checkpoints hand on, completed by the data."""
        self.recipe = recipe
        self.start = start
        self.evaluation = evaluation
        self.prepared = prepared
        self.folder = folder
        self.accelerator = accelerator

    def save(self, state: TrainingState, best: bool) -> None:
        """Writes the checkpoint of a step, names it the best where it is, and removes those no longer kept."""

        def finish() -> None:
            if best:
                _name_best(self.folder, self.recipe.training, state)
            _remove_old_checkpoints(self.folder.path, self.recipe.training.keep_checkpoints)

        self._write(step_folder(self.folder.path, state.step), state, finish)

    def save_rescue(self, state: TrainingState) -> None:
        """Writes a rescue point in place of the one before."""
        folder = rescue_folder(self.folder.path, state.step)
        self._write(folder, state, lambda: _remove_rescues(self.folder.path, but=state.step))

    def _write(self, folder: Path, state: TrainingState, finish: Callable[[], None]) -> None:
        """Writes the run as it is; the main process then calls `finish`."""
        # All processes of a sharded model help to gather it; the main one alone keeps what comes.
        device = "cpu" if self.accelerator.is_main_process else "meta"
        optimizer = export_optimizer(self.prepared.optimizer, device)
        with self.prepared.apply_averages() as weights:
            model = gather_model(self.start.model, device)
            files = TrainingFiles(optimizer, state.to_dict(), export_weights(weights, device))

            def write() -> None:
                description = summarize_for_checkpoint(self.recipe, self.start, self.evaluation, state.step)
                write_checkpoint(folder, model, self.start.tokenizers, description, files)
                finish()

            run_on_main(self.accelerator, write)


def finish_saving(folder: RunFolder, options: TrainingOptions, state: TrainingState) -> None:
    """What a crash right after a checkpoint came before: its title, its event, and the removal of older ones."""
    _name_best(folder, options, state)
    # The event is written behind the checkpoint, and a crash comes between the two. A rescue point has none.
    saved = [event["step"] for event in folder.read_progress() if event["event"] == "checkpoint"]
    if max(saved, default=-1) < state.step and state.step in list_steps(folder.path):
        folder.append_progress({"event": "checkpoint", **state.counters()})
    _remove_old_checkpoints(folder.path, options.keep_checkpoints)


def _name_best(folder: RunFolder, options: TrainingOptions, state: TrainingState) -> None:
    """Gives the title of the best checkpoint to that of the state's best validation; to none where it had none."""
    if state.best_step is None or state.best_value is None:
        forget_best(folder.path)
    else:
        record_best(folder.path, step=state.best_step, metric=options.validation_metrics[0], value=state.best_value)


def _remove_old_checkpoints(run: Path, keep: int) -> None:
    """Removes all but the newest `keep` checkpoints and the best, and rescue points that a checkpoint follows."""
    best = load_best(run)
    for step in list_steps(run)[:-keep]:
        if best is None or step != best["step"]:
            remove_checkpoint(step_folder(run, step))
    newest = max(list_steps(run), default=-1)
    if max(list_rescues(run), default=-1) <= newest:
        _remove_rescues(run)


def _remove_rescues(run: Path, but: int | None = None) -> None:
    """Removes the rescue points of a run, except one step's."""
    for step in list_rescues(run):
        if step != but:
            remove_checkpoint(rescue_folder(run, step))


def summarize_for_checkpoint(
    recipe: Recipe,
    start: Start,
    evaluation: EvaluationOptions,
    step: int,
) -> CheckpointDescription:
    """What a checkpoint of this recipe says of itself."""
    return CheckpointDescription(
        plan=recipe.model.plan,
        task=recipe.task,
        source=recipe.source.model_dump(mode="json"),
        sharing=start.model.sharing.to_dict(),
        framing=start.framing.to_dict(),
        layout=recipe.data.layout.model_dump(mode="json"),
        max_source_tokens=recipe.data.max_source_tokens,
        max_target_tokens=recipe.data.max_target_tokens,
        generation=recipe.generation.model_dump(mode="json"),
        evaluation=evaluation.model_dump(mode="json"),
        step=step,
    )

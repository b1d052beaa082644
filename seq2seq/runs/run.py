"""One training run: its data, model, trainer, validation and checkpoints put together, and the results at its end.

Each of these reads alone: data.py, preparation.py, validation.py, saving.py, opening.py, results.py. The verb that
users call is verbs/train.py.
"""

from contextlib import suppress

from accelerate import Accelerator

from ..base.console import errors
from ..base.errors import RecipeError
from ..checkpoints.folder import read_checkpoint
from ..data.loader import StepLoader
from ..processes.group import run_on_main
from ..processes.trackers import start_trackers, track
from ..recipe.recipe import Recipe
from ..reports.run_tables import list_truncated
from ..run_folder.folder import RunFolder
from ..run_folder.steps import BEST_FILE, CHECKPOINTS_FOLDER, get_chosen
from ..training.early_stopping import find_end
from ..training.options import TrainingOptions
from ..training.trainer import Callbacks, Trainer
from .data import build_loader, build_source, check_same_data, complete_evaluation, load_data
from .inputs import summarize_split
from .length import check_not_behind
from .metrics import check_first_metric, find_blind
from .opening import Opening
from .outputs import OutputWriter
from .preparation import PreparedModel, build_objective, prepare_model
from .results import write_test_results
from .saving import CheckpointWriter
from .start import Start
from .validation import Validation


class Run:
    """One training run from recipe to last checkpoint; every process of it holds one.

    validation: None where the recipe names no validation data.
    """

    def __init__(self, recipe: Recipe, start: Start, folder: RunFolder, accelerator: Accelerator) -> None:
        """Reads the data and prepares the model; nothing is written yet.

        Raises:
            DataError: a file or a row is broken.
            RecipeError: the epochs have no more steps than the warm-up, or than something is frozen for.
            TrainingError: the data is not what a resumed run began with, or the run is past its end; what is to be
                frozen cannot be; or layers or processes do not fit the model.
        """
        self.recipe = recipe
        self.start = start
        self.folder = folder
        self.accelerator = accelerator
        self.source = build_source(recipe, start)
        self.data = load_data(recipe, start, self.source, accelerator)
        check_same_data(self.data, start.state.fingerprints, folder)
        start.state.fingerprints = self.data.fingerprints
        self.evaluation = complete_evaluation(recipe, self.data.train, accelerator)
        self.objective = build_objective(recipe, start, accelerator)
        loader = build_loader(recipe, self.data.train, self.objective, self.source, accelerator)
        max_steps = count_steps(recipe.training, loader)
        check_not_behind(folder, recipe.training, start.state.step, max_steps)
        prepared = prepare_model(start, recipe.training, accelerator)
        self.outputs = OutputWriter(start, self.source, accelerator)
        self.validation = self._build_validation(prepared)
        self.trainer = self._build_trainer(prepared, loader, max_steps)

    def _build_validation(self, prepared: PreparedModel) -> Validation | None:
        if self.data.validation is None:
            return None
        return Validation(
            self.recipe,
            self.start,
            self.data.validation,
            prepared,
            self.outputs,
            self.evaluation,
            self.accelerator,
        )

    def _build_trainer(self, prepared: PreparedModel, loader: StepLoader, max_steps: int) -> Trainer:
        writer = CheckpointWriter(self.recipe, self.start, self.evaluation, prepared, self.folder, self.accelerator)
        callbacks = Callbacks(
            validate=None if self.validation is None else self.validation.measure,
            save=writer.save,
            save_rescue=writer.save_rescue,
            log=self.log,
            list_samples=(lambda: ()) if self.validation is None else self.validation.list_samples,
        )
        return Trainer(
            model=prepared.model,
            optimizer=prepared.optimizer,
            objective=self.objective,
            loader=loader,
            accelerator=self.accelerator,
            options=self.recipe.training,
            max_steps=max_steps,
            seed=self.recipe.seed,
            state=self.start.state,
            callbacks=callbacks,
            averages=prepared.averages,
            freezing=prepared.freezing,
        )

    def is_finished(self) -> bool:
        """Whether nothing is left to do: training is at its end, the test set, if any, scored, and the card written.

        Every process calls this, and the main one decides.
        """
        state = self.start.state
        folder = self.folder
        # The card is written last; the others may have been deleted since.
        expected = [folder.card, folder.progress]
        if self.data.test is not None:
            expected += [folder.scores, folder.predictions("test")]
        if state.best_step is not None:
            expected.append(folder.path / CHECKPOINTS_FOLDER / BEST_FILE)
        ended = find_end(state, self.recipe.training, self.trainer.max_steps) is not None
        return run_on_main(self.accelerator, lambda: ended and all(path.exists() for path in expected))

    def check_metrics(self, *, resuming: bool) -> None:
        """Tells of metrics that see nothing or little of the references that the run scores; to be called everywhere.

        Raises:
            TrainingError: the first validation metric of a new run sees nothing.
            ScoringError: a metric cannot be computed here.
        """
        found = find_blind(self.recipe, self.data, self.evaluation, self.source)
        if not resuming:  # what began so shall end
            check_first_metric(self.recipe, found)
        if self.accelerator.is_main_process:
            for split, blind in found.items():
                for blindness in blind:
                    errors().print(f"data.{split}: {blindness}")

    def open_folder(self, resuming: bool) -> None:
        """Begins the run folder, anew where a run in it came to no checkpoint, or takes it back to the checkpoint."""
        opening = Opening(self.recipe, self.start, self.data, self.folder, self.accelerator)
        run_on_main(self.accelerator, opening.reopen_folder if resuming else opening.create_folder)
        run_on_main(
            self.accelerator,
            lambda: start_trackers(self.accelerator, self.recipe, self.start.state.step),
        )

    def log(self, event: dict) -> None:
        """One line of progress.jsonl, and its figures to the trackers."""
        if self.accelerator.is_main_process:
            self.folder.append_progress(event)
            track(self.accelerator, event, self.start.state.counters())

    def log_os_error(self) -> None:
        """The end of a run that the operating system stopped, where there is still room for a line."""
        with suppress(OSError):
            self.log({"event": "end", "reason": "os_error", **self.start.state.counters()})

    def warn_of_unread_sources(self) -> None:
        """Says so where the last validation showed that the model does not read its sources."""
        if self.validation is not None:
            self.validation.warn_of_unread_sources()

    def tell_truncated(self) -> None:
        """Says once more, where it is read, which texts were truncated: the first time may be hours ago."""
        if self.accelerator.is_main_process:
            splits = {name: summarize_split(data) for name, data in self.data.splits.items()}
            for line in list_truncated(splits):
                errors().print(line)

    def write_test_results(self) -> None:
        """Generates and scores data.test, if there is one, with the run's best checkpoint, and prints the table."""
        if self.accelerator.is_main_process:
            # One made while the run went on; a card says that all is done.
            self.folder.card.unlink(missing_ok=True)
        if self.data.test is None:
            return
        checkpoint = read_checkpoint(get_chosen(self.folder.path))
        test = self.data.test
        sources = [example.source for example in test.examples]
        generated = self.outputs.write(checkpoint.model, sources, self.recipe.generation)
        if self.accelerator.is_main_process:
            plan = self.recipe.model.plan
            write_test_results(self.folder, plan, self.evaluation, test, generated, checkpoint, self.source)


def count_steps(options: TrainingOptions, loader: StepLoader) -> int:
    """The steps of a run, after which every option that waits for a step has come into force.

    Raises:
        RecipeError: the epochs have no more steps than the warm-up, or than something is frozen for.
    """
    max_steps = options.max_steps
    if max_steps is None:
        # The options have one of both.
        max_steps = loader.count_steps(options.max_epochs)  # type: ignore[arg-type]
    for key, steps, never, advice in options.list_late_steps(max_steps):
        raise RecipeError(
            f"training.{key}: with {max_steps} steps in {options.max_epochs} epochs, {never} (found: {steps}); "
            f"{advice}."
        )
    return max_steps

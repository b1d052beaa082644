"""One training run: its data, trainer, validation, checkpoints, and the scores at its end.

The only place where all parts meet; the verb that users call is verbs/train.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import nn

from ..base.console import build_table, errors
from ..base.errors import RecipeError, TrainingError
from ..base.files import write_json
from ..checkpoints.description import CheckpointDescription
from ..checkpoints.folder import (
    TrainingFiles,
    read_checkpoint,
    remove_checkpoint,
    remove_leftovers,
    set_aside,
    write_checkpoint,
)
from ..data.batching import BatchOrder
from ..data.encoding import EncodedExamples
from ..data.loader import StepLoader, fixed_micro_batches
from ..engines.options import GenerationOptions
from ..engines.transformers import TransformersEngine
from ..generation.generator import Generated, Generator
from ..generation.scoring import score_predictions
from ..metrics.baselines import measure_mean_words
from ..metrics.options import EvaluationOptions
from ..modeling.token_loss import TokenLossModel
from ..processes.group import generate_in_processes, run_on_main, summarize_machine
from ..processes.trackers import start_trackers, track
from ..recipe.recipe import Recipe
from ..reports.run_tables import tabulate_data, tabulate_origin
from ..reports.source_gain import format_source_gain, is_unread
from ..run_folder.folder import RunFolder
from ..run_folder.steps import (
    BEST_FILE,
    CHECKPOINTS_FOLDER,
    find_chosen,
    forget_best,
    list_steps,
    load_best,
    record_best,
    step_folder,
)
from ..training.early_stopping import find_end
from ..training.ema import WeightAverages, export_weights, restore_weights
from ..training.execution import compile_layers, enable_gradient_checkpointing, run_uncompiled
from ..training.freezing import Freezing
from ..training.optimizers import build_optimizer, export_optimizer, restore_optimizer
from ..training.replicas import broadcast_weights
from ..training.sharding import gather_model, shard_model
from ..training.state import TrainingState
from ..training.trainer import Callbacks, Trainer
from ..training.validation import compute_source_gain, compute_validation_loss
from .inputs import summarize_inputs, summarize_split
from .results import write_test_results
from .splits import TextData, load_split
from .start import Start

GAIN_PAIRS = 128  # of the validation set, which the source gain is measured on
COUNTED_TARGETS = 10_000  # for the baseline of the source's first words: enough for a mean, and read in a second


class Run:
    """One training run from recipe to last checkpoint; every process of it holds one."""

    def __init__(self, recipe: Recipe, start: Start, folder: RunFolder, accelerator: Accelerator) -> None:
        self.recipe, self.start, self.folder, self.accelerator = recipe, start, folder, accelerator
        self.train_data = load_split(recipe, "train", start.tokenizers, start.framing, accelerator)
        self.validation_data = load_split(recipe, "validation", start.tokenizers, start.framing, accelerator)
        self.test_data = load_split(recipe, "test", start.tokenizers, start.framing, accelerator)
        self.source_gain: float | None = None  # of the last validation
        self._check_data()
        self.evaluation = self._complete_evaluation()

    def _complete_evaluation(self) -> EvaluationOptions:
        """The recipe's section, with the words of its baseline counted; by the main process, which alone scores."""
        options = self.recipe.evaluation
        if options.first_words is not None or not self.accelerator.is_main_process:
            return options
        words = measure_mean_words(example.target for example in self.train_data.read_first(COUNTED_TARGETS))
        return options.model_copy(update={"first_words": words})

    @property
    def splits(self) -> dict[str, TextData]:
        """The splits that the recipe names."""
        splits = {"train": self.train_data, "validation": self.validation_data, "test": self.test_data}
        return {name: data for name, data in splits.items() if data is not None}

    def _check_data(self) -> None:
        """Makes sure that a resumed run meets the data it began with; a new run notes it."""
        found = {name: data.fingerprint for name, data in self.splits.items()}
        before = self.start.state.fingerprints or found
        changed = [
            f"data.{name}"
            for name, data in self.splits.items()
            if before.get(name) not in (data.fingerprint, data.ids_fingerprint)
        ]
        if changed:
            raise TrainingError(
                f"{', '.join(changed)} is not the data that the run in {self.folder.path} began with. "
                "Put the files back as they were, or choose another output."
            )
        self.start.state.fingerprints = found

    def is_finished(self, max_steps: int) -> bool:
        """Whether nothing is left to do: training is at its end, the test set, if any, scored, and the card written.

        Every process calls this, and the main one decides.
        """
        state, folder = self.start.state, self.folder
        # The card is written last; the others may have been deleted since.
        expected = [folder.card, folder.progress]
        if self.test_data is not None:
            expected += [folder.scores, folder.predictions("test")]
        if state.best_step is not None:
            expected.append(folder.path / CHECKPOINTS_FOLDER / BEST_FILE)
        ended = find_end(state, self.recipe.training, max_steps) is not None
        return run_on_main(self.accelerator, lambda: ended and all(path.exists() for path in expected))

    def open_folder(self, resuming: bool) -> None:
        """Begins the run folder, anew where a run in it came to no checkpoint, or takes it back to the checkpoint."""
        run_on_main(self.accelerator, self._reopen_folder if resuming else self._create_folder)
        run_on_main(self.accelerator, self._start_trackers)

    def _create_folder(self) -> None:
        if self.folder.exists():
            errors().print(f"The run in {self.folder.path} has no checkpoint yet: beginning again.")
            self.folder.clear()
        self.folder.create(self.recipe.to_yaml(), summarize_machine(self.accelerator))
        write_json(self.folder.origin, self.start.origin.to_dict())
        self._write_inputs()
        self.show()

    def _write_inputs(self) -> None:
        start = self.start
        inputs = summarize_inputs(self.recipe.model, start.model, start.tokenizers, self.splits)
        write_json(self.folder.inputs, inputs)

    def _reopen_folder(self) -> None:
        """Takes the folder back to the checkpoint: later events and scores go, later checkpoints, damaged, go aside."""
        state, path = self.start.state, self.folder.path
        if not self.folder.progress.exists():
            errors().print(f"{self.folder.progress} is missing: the figures up to step {state.step} are lost.")
        self.folder.cut_progress(state.step)  # first, because it refuses a damaged file
        if not self.folder.inputs.exists():
            self._write_inputs()
        self.folder.remove_results()
        for step in list_steps(path):
            if step > state.step:
                errors().print(f"Set aside: {set_aside(step_folder(path, step))}")
        remove_leftovers(path / CHECKPOINTS_FOLDER)
        self._finish_saving(state)
        self.show()
        errors().print(f"Going on from step {state.step}.")

    def _finish_saving(self, state: TrainingState) -> None:
        """What a crash right after a checkpoint came before: its title, its event, and the removal of older ones."""
        if state.best_step is None:
            forget_best(self.folder.path)
        else:
            self.record_best(state)
        if all(event["event"] != "checkpoint" or event["step"] < state.step for event in self.folder.read_progress()):
            self.folder.append_progress({"event": "checkpoint", **state.counters()})
        remove_old_checkpoints(self.folder.path, self.recipe.training.keep_checkpoints)

    def _start_trackers(self) -> None:
        start_trackers(self.accelerator, self.recipe, self.start.state.step)

    def show(self) -> None:
        """Prints the origin of the parameters and the size and truncation of the data."""
        console = errors()
        console.print(
            build_table(f"Parameters of plan {self.start.origin.plan}", *tabulate_origin(self.start.origin.to_dict()))
        )
        for note in self.start.origin.notes:
            console.print(note)
        splits = {name: summarize_split(data) for name, data in self.splits.items()}
        console.print(build_table("Data", *tabulate_data(splits)))

    def build_trainer(self) -> Trainer:
        """The trainer, with model and optimizer prepared for this process's device.

        Raises:
            RecipeError: the epochs have no more steps than the warm-up, or than something is frozen for.
            TrainingError: what is to be frozen cannot be, or layers or processes do not fit the model.
        """
        recipe, start, accelerator = self.recipe, self.start, self.accelerator
        options = recipe.training
        loader = StepLoader(
            examples=self.train_data.encoded,
            order=BatchOrder(
                self.train_data.encoded.sources.lengths,
                self.train_data.encoded.labels.lengths,
                seed=recipe.seed,
                length_window=options.length_window,
                **options.batch_size,
            ),
            pad_id=start.model.source_pad_id,
            micro_batch_tokens=options.micro_batch_tokens,
            process=accelerator.process_index,
            processes=accelerator.num_processes,
        )
        max_steps = options.max_steps or loader.count_steps(options.max_epochs)
        for key, steps, never, advice in options.list_late_steps(max_steps):
            raise RecipeError(
                f"training.{key}: with {max_steps} steps in {options.max_epochs} epochs, {never} (found: {steps}); "
                f"{advice}."
            )
        freezing = Freezing(start.model, options)
        model, optimizer = self._prepare(freezing)
        return Trainer(
            model=model,
            optimizer=optimizer,
            loader=loader,
            accelerator=accelerator,
            options=options,
            max_steps=max_steps,
            seed=recipe.seed,
            state=start.state,
            callbacks=Callbacks(self.validate if self.validation_data else None, self.save, self.log),
            averages=self.averages,
            freezing=freezing,
        )

    def _prepare(self, freezing: Freezing) -> tuple[nn.Module, AcceleratedOptimizer]:
        """Model and optimizer as the loop uses them, on this process's device, sharded where the recipe says so."""
        model, accelerator, options = self.start.model, self.accelerator, self.recipe.training
        if options.gradient_checkpointing:
            enable_gradient_checkpointing(model)
        if options.compile:
            compile_layers(model)
        if options.sharding == "fsdp" and accelerator.num_processes > 1:
            shard_model(model, accelerator.device, accelerator.num_processes)
        else:
            broadcast_weights(model.to(accelerator.device))
            if options.sharding == "fsdp":
                errors().print("training.sharding: a run of one process has nothing to share out; it holds all.")
        self.optimizer = build_optimizer(model, self.start.origin.learning_rate_groups(), options)
        step = self.start.state.step
        restore_optimizer(self.optimizer, self.start.optimizer, freezing.list_frozen(self.start.state.last_update))
        # A checkpoint's model holds the averages, if there are any; training goes on from the weights beside it.
        self.averages = WeightAverages(model, options.ema_decay) if options.ema_decay is not None else None
        if self.start.weights or (self.averages is not None and step > 0):
            restore_weights(model, self.start.weights)
        freezing.begin(step + 1)
        if accelerator.is_main_process:
            for line in freezing.list_spans():
                errors().print(line)
        # In evaluation mode accelerate puts autocast around the model, and nothing else: gradients are summed by us.
        prepared = accelerator.prepare_model(model, evaluation_mode=True)
        return prepared, accelerator.prepare_optimizer(self.optimizer)

    def _averages_applied(self) -> AbstractContextManager[dict[str, torch.Tensor]]:
        """The model holds the averages of its weights while the block runs, if the recipe asks for any.

        The block gets the weights that they stand in for.
        """
        return self.averages.applied() if self.averages is not None else nullcontext({})

    def validate(self) -> dict[str, float]:
        """The recipe's validation metrics, and the source gain beside the loss; the same on every process."""
        with self._averages_applied(), run_uncompiled(self.recipe.training.compile):
            return self._validate()

    def _validate(self) -> dict[str, float]:
        metrics = self.recipe.training.validation_metrics
        values: dict[str, float] = {}
        model = gather_model(self.start.model, self.accelerator.device)
        if "loss" in metrics:
            encoded = self.validation_data.encoded
            values["loss"] = compute_validation_loss(model, self._build_micro_batches(encoded), self.accelerator)
            sides = map(self._build_micro_batches, encoded.exchange_sources(GAIN_PAIRS))
            self.source_gain = compute_source_gain(model, *sides, self.accelerator) if len(encoded) > 1 else None
        of_text = tuple(metric for metric in metrics if metric != "loss")
        if of_text:
            examples = self.validation_data.examples[: self.recipe.training.validation_texts]
            only_best = self.recipe.generation.model_copy(update={"num_outputs": 1, "scores": False})
            predictions = self.generate(model, [example.source for example in examples], only_best).texts
            options = self.recipe.evaluation.model_copy(update={"metrics": of_text})
            values |= score_predictions(examples, predictions, options).values
        figures = {metric: values[metric] for metric in metrics}
        return figures if self.source_gain is None else figures | {"source_gain": self.source_gain}

    def _build_micro_batches(self, encoded: EncodedExamples) -> Iterator[dict[str, torch.Tensor]]:
        return fixed_micro_batches(
            encoded,
            self.start.model.source_pad_id,
            micro_batch_tokens=self.start.state.micro_batch_tokens or self.recipe.training.micro_batch_tokens,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )

    def generate(self, model: TokenLossModel, sources: Sequence[str], options: GenerationOptions) -> Generated:
        """Outputs of a model, each process writing its share, all of them in order everywhere."""
        model.to(self.accelerator.device)
        start, limit = self.start, self.recipe.data.max_source_tokens
        generator = Generator(TransformersEngine(model), start.tokenizers, start.framing, limit, options)
        with self.accelerator.autocast():  # else the decoder alone would have it, put there by Accelerate
            return generate_in_processes(self.accelerator, generator, sources)

    def save(self, state: TrainingState, best: bool) -> None:
        """Writes the checkpoint of a step, names it the best where it is, and removes those no longer kept."""
        # All processes of a sharded model help to gather it; the main one alone keeps what comes.
        device = "cpu" if self.accelerator.is_main_process else "meta"
        optimizer = export_optimizer(self.optimizer, device)
        with self._averages_applied() as weights:
            model = gather_model(self.start.model, device)
            files = TrainingFiles(optimizer, state.to_dict(), export_weights(weights, device))
            run_on_main(self.accelerator, lambda: self._save(model, files, state, best))

    def _save(self, model: TokenLossModel, files: TrainingFiles, state: TrainingState, best: bool) -> None:
        description = summarize_for_checkpoint(self.recipe, self.start, self.evaluation, state.step)
        write_checkpoint(step_folder(self.folder.path, state.step), model, self.start.tokenizers, description, files)
        if best:
            self.record_best(state)
        remove_old_checkpoints(self.folder.path, self.recipe.training.keep_checkpoints)

    def record_best(self, state: TrainingState) -> None:
        metric = self.recipe.training.validation_metrics[0]
        record_best(self.folder.path, step=state.best_step, metric=metric, value=state.best_value)

    def log(self, event: dict) -> None:
        """One line of progress.jsonl, and its figures to the trackers."""
        if self.accelerator.is_main_process:
            self.folder.append_progress(event)
            track(self.accelerator, event, self.start.state.counters())

    def log_os_error(self) -> None:
        """The end of a run that the operating system stopped, where there is still room for a line."""
        with suppress(OSError):
            self.log({"event": "end", "reason": "os_error", **self.start.state.counters()})

    def write_test_results(self) -> None:
        """Generates and scores data.test, if there is one, with the run's best checkpoint, and prints the table."""
        if self.accelerator.is_main_process:
            # One made while the run went on; a card says that all is done.
            self.folder.card.unlink(missing_ok=True)
        if self.test_data is None:
            return
        checkpoint = read_checkpoint(find_chosen(self.folder.path))
        examples = self.test_data.examples
        sources = [example.source for example in examples]
        generated = self.generate(checkpoint.model, sources, self.recipe.generation)
        if self.accelerator.is_main_process:
            write_test_results(self.folder, self.recipe.model.plan, self.evaluation, examples, generated, checkpoint)

    def warn_of_unread_sources(self) -> None:
        """Says so where the model has learned to write, but not to read."""
        if self.accelerator.is_main_process and self.source_gain is not None and is_unread(self.source_gain):
            errors().print(f"The sources are {format_source_gain(self.source_gain, self.start.state.step)}")


def summarize_for_checkpoint(
    recipe: Recipe, start: Start, evaluation: EvaluationOptions, step: int
) -> CheckpointDescription:
    """What a checkpoint of this recipe says of itself."""
    return CheckpointDescription(
        plan=recipe.model.plan,
        task=recipe.task,
        sharing=start.model.sharing.to_dict(),
        framing=start.framing.to_dict(),
        layout=recipe.data.layout.model_dump(mode="json"),
        max_source_tokens=recipe.data.max_source_tokens,
        max_target_tokens=recipe.data.max_target_tokens,
        generation=recipe.generation.model_dump(mode="json"),
        evaluation=evaluation.model_dump(mode="json"),
        step=step,
    )


def remove_old_checkpoints(run: Path, keep: int) -> None:
    """Removes all but the newest `keep` checkpoints and the best."""
    best = load_best(run)
    for step in list_steps(run)[:-keep]:
        if best is None or step != best["step"]:
            remove_checkpoint(step_folder(run, step))

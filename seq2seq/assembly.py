"""Where all parts meet: a recipe becomes tokenizers, data, model, trainer, generator and scores.

Nothing else imports from so many rooms. The verbs that users call are in api.py.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list, gather_object

from .checkpoints.description import CheckpointDescription
from .checkpoints.find import (
    CHECKPOINTS_FOLDER,
    find_newest_whole,
    forget_best,
    list_steps,
    load_best,
    record_best,
    step_folder,
)
from .checkpoints.folder import (
    TrainingFiles,
    load_training_files,
    read_checkpoint,
    remove_checkpoint,
    remove_leftovers,
    write_checkpoint,
)
from .data.batching import BatchOrder
from .data.encoding import EncodedExamples, Truncation, encode_examples
from .data.examples import Example, load_examples
from .data.loader import StepLoader, fixed_micro_batches
from .errors import GenerationError, RecipeError, TrainingError
from .evaluation.options import EvaluationOptions
from .evaluation.scores import Scores, compute_scores
from .files import load_json, write_json
from .generation.generator import Generator
from .generation.transformers_engine import check_lengths
from .modeling.encoder_decoder import Seq2SeqModel
from .recipe import Recipe
from .reports.console import build_table, errors, output, show_progress
from .reports.run_folder import RunFolder
from .reports.tables import build_score_table
from .text.framing import Framing
from .text.tokenizers import TokenizerPair, decode_ids, encode_texts
from .training.optimizers import build_optimizer, export_optimizer, restore_optimizer
from .training.state import TrainingState
from .training.trainer import Callbacks, Trainer
from .training.validation import compute_validation_loss
from .warmstart.origin import OriginReport, summarize
from .warmstart.start import warm_start

COPY_ROW = "copy of the source"
CEILING_ROW = "references through the target tokenizer"


@dataclass(frozen=True)
class Start:
    """The model of a run with what belongs to it, freshly started or read from a checkpoint."""

    model: Seq2SeqModel
    tokenizers: TokenizerPair
    framing: Framing
    origin: OriginReport
    state: TrainingState
    optimizer: dict[str, torch.Tensor]


def build_accelerator(recipe: Recipe) -> Accelerator:
    """The accelerator of a recipe's precision, on the GPU where there is one."""
    precision = recipe.training.precision
    # Accelerate keeps the first precision of a process for ever; a second run in it may want another.
    AcceleratorState._reset_state()
    return Accelerator(mixed_precision="no" if precision == "fp32" else precision, cpu=not torch.cuda.is_available())


def run_on_main(accelerator: Accelerator, action: Callable[[], None]) -> None:
    """Runs an action on the main process alone; where it fails, every process stops instead of waiting for ever."""
    failure: list[str | None] = [None]
    try:
        if accelerator.is_main_process:
            action()
    except BaseException as error:
        failure = [str(error)]
        raise
    finally:
        broadcast_object_list(failure)
    if failure[0] is not None:
        raise TrainingError(f"The main process stopped: {failure[0]}")


def start_model(recipe: Recipe) -> Start:
    """Warm-starts the model of a recipe."""
    options = recipe.model
    started = warm_start(
        plan=options.plan,
        encoder=options.encoder,
        decoder=options.decoder,
        dropout=options.dropout,
        seed=recipe.seed,
    )
    _check_lengths(started.model, recipe)
    return Start(started.model, started.tokenizers, started.framing, started.origin, TrainingState(), {})


def resume_model(run: RunFolder, accelerator: Accelerator) -> Start:
    """The model, optimizer and state of a run's newest whole checkpoint.

    Raises:
        TrainingError: none of its checkpoints is whole.
    """
    folder, refused = find_newest_whole(run.path)
    if folder is None:
        raise TrainingError(
            f"{run.path} has no whole checkpoint to go on from; choose another output.\n" + "\n".join(refused)
        )
    if accelerator.is_main_process:
        for reason in refused:
            errors().print(f"Passed over: {reason}")
    checkpoint, training = read_checkpoint(folder), load_training_files(folder)
    return Start(
        checkpoint.model,
        checkpoint.tokenizers,
        checkpoint.framing,
        OriginReport.from_dict(load_json(run.origin)),
        TrainingState.from_dict(training.state),
        training.optimizer,
    )


def _check_lengths(model: Seq2SeqModel, recipe: Recipe) -> None:
    try:
        check_lengths(model, recipe.data.max_source_tokens, recipe.data.max_target_tokens)
        check_lengths(model, 0, recipe.generation.max_target_tokens)
    except GenerationError as error:
        raise RecipeError(f"The recipe's lengths do not fit the model: {error}") from None


@dataclass(frozen=True)
class TextData:
    """One split as texts and as ids."""

    examples: list[Example]
    encoded: EncodedExamples


def load_split(recipe: Recipe, split: str, tokenizers: TokenizerPair, framing: Framing) -> TextData | None:
    """Reads and encodes data.<split>, or None where the recipe names no file."""
    names = getattr(recipe.data, split)
    if not names:
        return None
    examples = load_examples(names, recipe.data.columns)
    encoded = encode_examples(
        examples,
        tokenizers,
        framing,
        max_source_tokens=recipe.data.max_source_tokens,
        max_target_tokens=recipe.data.max_target_tokens,
    )
    return TextData(examples, encoded)


def describe_split(split: str, data: TextData) -> list[str]:
    """A row of the data table: split, pairs, tokens a side, truncated texts and the longest of each side."""

    def side(tokens: int, truncation: Truncation) -> list[str]:
        cut = f"{truncation.truncated:,} ({100 * truncation.share:.1f}%)"
        return [f"{tokens:,}", cut, f"{truncation.longest} of {truncation.limit}"]

    encoded = data.encoded
    return [
        split,
        f"{len(encoded):,}",
        *side(len(encoded.sources.ids), encoded.source_truncation),
        *side(len(encoded.labels.ids), encoded.target_truncation),
    ]


DATA_HEADER = (
    "split", "pairs", "source tokens", "cut", "longest", "target tokens", "cut", "longest",
)  # fmt: skip


def check_same_recipe(folder: RunFolder, recipe: Recipe) -> None:
    """Makes sure that a run goes on with the recipe it began with; only the output may have moved.

    Raises:
        TrainingError: naming every option that differs.
    """
    then, now = (
        flatten(values)
        for values in (yaml.safe_load(folder.recipe.read_text(encoding="utf-8")), recipe.model_dump(mode="json"))
    )
    differing = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key) and key != "output")
    if differing:
        lines = [f"  {key}: the run has {then.get(key)!r}, the recipe now says {now.get(key)!r}" for key in differing]
        raise TrainingError(
            f"{folder.path} was begun with another recipe:\n"
            + "\n".join(lines)
            + "\nSet these back to go on with it, or choose another output."
        )


def flatten(values: dict, prefix: str = "") -> dict:
    """Nested mappings by dotted key. {'a': {'b': 1}} -> {'a.b': 1}"""
    flat = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return flat


def prepare_folder(folder: RunFolder, resume: bool) -> None:
    """Makes sure that a run may begin in a folder; a run there that came to no checkpoint is begun again on resume.

    Raises:
        TrainingError: the folder is taken.
    """
    if resume and folder.exists():
        errors().print(f"The run in {folder.path} has no checkpoint yet: beginning again.")
        folder.clear()
    folder.check_free()


class Run:
    """One training run from recipe to last checkpoint; every process of it holds one."""

    def __init__(self, recipe: Recipe, start: Start, folder: RunFolder, accelerator: Accelerator) -> None:
        self.recipe, self.start, self.folder, self.accelerator = recipe, start, folder, accelerator
        self.train_data = load_split(recipe, "train", start.tokenizers, start.framing)
        self.validation_data = load_split(recipe, "validation", start.tokenizers, start.framing)
        self.test_data = load_split(recipe, "test", start.tokenizers, start.framing)
        self._check_data()

    @property
    def splits(self) -> dict[str, TextData]:
        """The splits that the recipe names."""
        splits = {"train": self.train_data, "validation": self.validation_data, "test": self.test_data}
        return {name: data for name, data in splits.items() if data is not None}

    def _check_data(self) -> None:
        """Makes sure that a resumed run meets the data it began with; a new run notes it."""
        found = {name: data.encoded.compute_fingerprint() for name, data in self.splits.items()}
        before = self.start.state.fingerprints or found
        changed = [f"data.{name}" for name in found if found[name] != before.get(name)]
        if changed:
            raise TrainingError(
                f"{', '.join(changed)} is not the data that the run in {self.folder.path} began with. "
                "Put the files back as they were, or choose another output."
            )
        self.start.state.fingerprints = found

    def is_finished(self, max_steps: int) -> bool:
        """Whether nothing is left to do: all steps are done and the test set, if any, is scored."""
        return self.start.state.step >= max_steps and (self.test_data is None or self.folder.scores.exists())

    def open_folder(self, resuming: bool) -> None:
        """Begins the run folder, or cuts what lies behind the checkpoint; shows what is about to run."""
        run_on_main(self.accelerator, self._reopen_folder if resuming else self._create_folder)

    def _create_folder(self) -> None:
        self.folder.create(self.recipe.to_yaml())
        write_json(self.folder.origin, self.start.origin.to_dict())
        self.show()

    def _reopen_folder(self) -> None:
        """Takes the folder back to the checkpoint: later events, later (broken) checkpoints and a later best go."""
        state, path = self.start.state, self.folder.path
        self.folder.cut_progress(state.step)
        for step in list_steps(path):
            if step > state.step:
                remove_checkpoint(step_folder(path, step))
        remove_leftovers(path / CHECKPOINTS_FOLDER)
        if state.best_step is None:
            forget_best(path)
        else:
            self.record_best(state)  # a crash may have come between the checkpoint and its title
        self.show()
        errors().print(f"Going on from step {state.step}.")

    def show(self) -> None:
        """Prints the origin of the parameters and the size and truncation of the data."""
        console = errors()
        console.print(build_table(f"Parameters of plan {self.start.origin.plan}", *summarize(self.start.origin)))
        rows = [describe_split(split, data) for split, data in self.splits.items()]
        console.print(build_table("Data", DATA_HEADER, rows))

    def describe_examples(self, count: int) -> Iterator[str]:
        """Lines that show the first training pairs as the model sees them: tokens of source and labels."""
        start, data = self.start, self.train_data
        for index in range(min(count, len(data.examples))):
            source = start.tokenizers.source.convert_ids_to_tokens(data.encoded.sources[index].tolist())
            labels = start.tokenizers.target.convert_ids_to_tokens(data.encoded.labels[index].tolist())
            begin = start.tokenizers.target.convert_ids_to_tokens(start.framing.begin_id)
            yield f"\n{data.examples[index].place}"
            yield f"  source ({len(source)} tokens): {' '.join(source)}"
            yield f"  decoder input begins with {begin}; labels ({len(labels)} tokens): {' '.join(labels)}"

    def build_trainer(self) -> Trainer:
        """The trainer, with model and optimizer prepared for this process's device."""
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
            pad_id=start.model.config.encoder.pad_token_id,
            micro_batch_tokens=options.micro_batch_tokens,
            process=accelerator.process_index,
            processes=accelerator.num_processes,
        )
        model = start.model.to(accelerator.device)
        optimizer = build_optimizer(model, start.origin.learning_rate_groups(), options)
        restore_optimizer(optimizer, start.optimizer)
        self.optimizer = optimizer
        prepared_model, prepared_optimizer = accelerator.prepare(model, optimizer)
        return Trainer(
            model=prepared_model,
            optimizer=prepared_optimizer,
            loader=loader,
            accelerator=accelerator,
            options=options,
            max_steps=options.max_steps or loader.count_steps(options.max_epochs),
            seed=recipe.seed,
            state=start.state,
            callbacks=Callbacks(self.validate if self.validation_data else None, self.save, self.log),
        )

    def validate(self) -> dict[str, float]:
        """The recipe's validation metrics, the same on every process."""
        metrics = self.recipe.training.validation_metrics
        values: dict[str, float] = {}
        if "loss" in metrics:
            values["loss"] = compute_validation_loss(self.start.model, self._validation_batches(), self.accelerator)
        of_text = tuple(metric for metric in metrics if metric != "loss")
        if of_text:
            examples = self.validation_data.examples[: self.recipe.training.validation_texts]
            predictions = self.generate([example.source for example in examples])
            options = self.recipe.evaluation.model_copy(update={"metrics": of_text})
            values |= score_predictions(examples, predictions, options).values
        return {metric: values[metric] for metric in metrics}

    def _validation_batches(self):  # noqa: ANN202 - a stream of tensors by name, as `fixed_micro_batches` says
        return fixed_micro_batches(
            self.validation_data.encoded,
            self.start.model.config.encoder.pad_token_id,
            micro_batch_tokens=self.recipe.training.micro_batch_tokens,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )

    def generate(self, sources: Sequence[str]) -> list[str]:
        """Texts written by the model as it is, each process writing its share, all of them in order everywhere."""
        generator = Generator(
            self.start.model, self.start.tokenizers, self.recipe.data.max_source_tokens, self.recipe.generation
        )
        return generate_in_processes(self.accelerator, generator, sources)

    def save(self, state: TrainingState, best: bool) -> None:
        """Writes the checkpoint of a step, names it the best where it is, and removes those no longer kept."""
        run_on_main(self.accelerator, lambda: self._save(state, best))

    def _save(self, state: TrainingState, best: bool) -> None:
        description = describe_checkpoint(self.recipe, self.start, state.step)
        files = TrainingFiles(export_optimizer(self.optimizer), state.to_dict())
        target = step_folder(self.folder.path, state.step)
        write_checkpoint(target, self.start.model, self.start.tokenizers, description, files)
        if best:
            self.record_best(state)
        remove_old_checkpoints(self.folder.path, self.recipe.training.keep_checkpoints)

    def record_best(self, state: TrainingState) -> None:
        metric = self.recipe.training.validation_metrics[0]
        record_best(self.folder.path, step=state.best_step, metric=metric, value=state.best_value)

    def log(self, event: dict) -> None:
        """One line of progress.jsonl."""
        if self.accelerator.is_main_process:
            self.folder.append_progress(event)


def describe_checkpoint(recipe: Recipe, start: Start, step: int) -> CheckpointDescription:
    """What a checkpoint of this recipe says of itself."""
    return CheckpointDescription(
        plan=recipe.model.plan,
        task=recipe.task,
        sharing=start.model.sharing.to_dict(),
        framing=start.framing.to_dict(),
        max_source_tokens=recipe.data.max_source_tokens,
        max_target_tokens=recipe.data.max_target_tokens,
        generation=recipe.generation.model_dump(mode="json"),
        evaluation=recipe.evaluation.model_dump(mode="json"),
        step=step,
    )


def remove_old_checkpoints(run: Path, keep: int) -> None:
    """Removes all but the newest `keep` checkpoints and the best."""
    best = load_best(run)
    for step in list_steps(run)[:-keep]:
        if best is None or step != best["step"]:
            remove_checkpoint(step_folder(run, step))


def generate_in_processes(accelerator: Accelerator, generator: Generator, sources: Sequence[str]) -> list[str]:
    """Outputs of all sources in order, on every process; each process writes every n-th."""
    mine = list(sources[accelerator.process_index :: accelerator.num_processes])
    with show_progress("generating", len(mine), visible=accelerator.is_main_process) as bar:
        written = generator.generate(mine, bar.advance).texts
    outputs = [""] * len(sources)
    shares = gather_object([(accelerator.process_index, written)])
    for process, texts in shares:
        outputs[process :: accelerator.num_processes] = texts
    return outputs


def score_predictions(examples: Sequence[Example], predictions: Sequence[str], options: EvaluationOptions) -> Scores:
    """Scores outputs against the examples they belong to."""
    return compute_scores(
        sources=[example.source for example in examples],
        predictions=predictions,
        references=[example.references for example in examples],
        options=options,
    )


def score_baselines(
    examples: Sequence[Example], tokenizers: TokenizerPair, options: EvaluationOptions
) -> dict[str, Scores]:
    """What every table of scores shows beside the model: the source copied, and the first reference of each example
    written and read back by the target tokenizer, the ceiling that its case and spacing allow."""
    firsts = [example.references[0] for example in examples]
    through = [decode_ids(tokenizers.target, ids) for ids in encode_texts(tokenizers.target, firsts)]
    return {
        COPY_ROW: score_predictions(examples, [example.source for example in examples], options),
        CEILING_ROW: score_predictions(examples, through, options),
    }


def describe_scores(rows: dict[str, Scores]) -> dict:
    """Scores of several writers as JSON: values by row, and the signatures they share."""
    signatures = next(iter(rows.values())).signatures
    return {"rows": {name: scores.values for name, scores in rows.items()}, "signatures": signatures}


def write_test_results(run: Run) -> None:
    """Generates and scores data.test with the run's best checkpoint, and prints the table."""
    folder, accelerator = run.folder, run.accelerator
    best = load_best(folder.path)
    chosen = step_folder(folder.path, best["step"] if best else list_steps(folder.path)[-1])
    checkpoint = read_checkpoint(chosen)
    generator = Generator(
        checkpoint.model.to(accelerator.device),
        checkpoint.tokenizers,
        run.recipe.data.max_source_tokens,
        run.recipe.generation,
    )
    examples = run.test_data.examples
    predictions = generate_in_processes(accelerator, generator, [example.source for example in examples])
    if not accelerator.is_main_process:
        return
    folder.write_predictions("test", describe_predictions(examples, predictions))
    options = run.recipe.evaluation
    rows = {run.recipe.model.plan: score_predictions(examples, predictions, options)}
    rows |= score_baselines(examples, checkpoint.tokenizers, options)
    scores = {
        "split": "test",
        "examples": len(examples),
        "checkpoint": f"{CHECKPOINTS_FOLDER}/{chosen.name}",
        **describe_scores(rows),
    }
    write_json(folder.scores, scores)
    output().print(build_score_table(scores["rows"], title=f"{folder.path}: {len(examples)} test pairs"))


def describe_predictions(examples: Sequence[Example], predictions: Sequence[str]) -> list[dict]:
    """Rows of predictions/<split>.jsonl."""
    return [
        {"source": example.source, "prediction": prediction, "references": list(example.references)}
        for example, prediction in zip(examples, predictions, strict=True)
    ]

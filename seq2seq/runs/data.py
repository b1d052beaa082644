"""The data of a run: its splits, whether a resumed run meets those it began with, and what it is trained on.

A split by itself is in splits.py.
"""

from dataclasses import dataclass

from accelerate import Accelerator

from ..base.errors import TrainingError
from ..data.batching import BatchOrder
from ..data.loader import StepLoader
from ..metrics.baselines import measure_mean_words
from ..metrics.options import EvaluationOptions
from ..recipe.recipe import Recipe
from ..run_folder.folder import RunFolder
from ..sources.source import Source, SourceContext
from ..training.objectives.objective import Objective
from .splits import TextData, load_split
from .start import Start

COUNTED_TARGETS = 10_000  # for the baseline of the source's first words: enough for a mean, and read in a second


@dataclass(frozen=True)
class RunData:
    """The splits of a run; those that its recipe does not name are None."""

    train: TextData
    validation: TextData | None
    test: TextData | None

    @property
    def splits(self) -> dict[str, TextData]:
        """The splits that the recipe names."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {split: data for split, data in splits.items() if data is not None}

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every split that the recipe names."""
        return {split: data.fingerprint for split, data in self.splits.items()}


def build_source(recipe: Recipe, start: Start) -> Source:
    """What the recipe's model reads."""
    context = SourceContext(
        tokenizer=start.tokenizers.source,
        framing=start.framing,
        max_source_tokens=recipe.data.max_source_tokens,
        normalization=recipe.data.normalization,
        pad_id=start.model.source_pad_id,
    )
    return recipe.source.build(context)


def load_data(recipe: Recipe, start: Start, source: Source, accelerator: Accelerator) -> RunData:
    """All splits of a recipe; called by every process.

    Raises:
        DataError, TrainingError: as `load_split`.
    """

    def load(split: str) -> TextData:
        return load_split(recipe, split, source, start.tokenizers, start.framing, accelerator)

    # One after the other on every process: each load waits for the others.
    return RunData(
        train=load("train"),
        validation=load("validation") if recipe.data.validation else None,
        test=load("test") if recipe.data.test else None,
    )


def check_same_data(data: RunData, began_with: dict[str, str], folder: RunFolder) -> None:
    """Makes sure that a run meets the data whose fingerprints it began with; a new run began with none.

    Raises:
        TrainingError: naming the splits that have changed.
    """
    if not began_with:
        return
    changed = []
    for split, of_split in data.splits.items():
        # The first runs noted the fingerprint of the ids alone.
        if began_with.get(split) not in (of_split.fingerprint, of_split.ids_fingerprint):
            changed.append(f"data.{split}")
    if changed:
        raise TrainingError(
            f"{', '.join(changed)} is not the data that the run in {folder.path} began with. "
            "Put the files back as they were, or choose another output."
        )


def complete_evaluation(recipe: Recipe, train: TextData, accelerator: Accelerator) -> EvaluationOptions:
    """The recipe's section with the language that the model is told to write.

    On the main process, which alone scores outputs, also with the words of its baseline counted.
    """
    options = recipe.evaluation
    if options.language is None:
        options = options.model_copy(update={"language": recipe.model.target_language})
    if options.first_words is not None or not accelerator.is_main_process:
        return options
    examples = train.read_first(COUNTED_TARGETS)
    words = measure_mean_words(example.target for example in examples)
    return options.model_copy(update={"first_words": words})


def build_loader(
    recipe: Recipe, train: TextData, objective: Objective, source: Source, accelerator: Accelerator
) -> StepLoader:
    """The steps of data that this process trains on."""
    options = recipe.training
    order = BatchOrder(
        train.encoded.sources.lengths,
        train.encoded.labels.lengths,
        seed=recipe.seed,
        length_window=options.length_window,
        **options.batch_size,
    )
    return StepLoader(
        examples=train.encoded,
        order=order,
        collate_sources=source.collate,
        micro_batch_tokens=options.micro_batch_tokens,
        process=accelerator.process_index,
        processes=accelerator.num_processes,
        renew=objective.renew,
        # What else is a source may have other lengths than what is stored of it.
        rounds_shapes=options.compile and source.is_text,
    )

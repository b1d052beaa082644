"""The model of a run, freshly started or read back, and whether a run may begin or go on in its folder."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import torch
from transformers import GenerationConfig

from ..base.console import errors
from ..base.errors import CheckpointError, DataError, GenerationError, RecipeError, TrainingError, WarmStartError
from ..base.files import load_json
from ..base.mappings import flatten, merge, nest
from ..checkpoints.find import find_checkpoint, find_newest_whole
from ..checkpoints.folder import load_training_files, read_checkpoint
from ..checkpoints.manifest import check_manifest
from ..data.examples import load_examples
from ..engines.engine import check_prefix
from ..families.table import add_families
from ..generation.prefix import encode_prefix
from ..modeling.generation_config import read_marks
from ..modeling.token_loss import TokenLossModel
from ..processes.group import Processes, run_on_main
from ..recipe.recipe import Recipe, build_recipe
from ..run_folder.folder import RunFolder
from ..run_folder.old_runs import bring_up_origin, choose_old_values
from ..run_folder.steps import step_folder
from ..sources.text import build_reader
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair
from ..training.options import Precision
from ..training.state import TrainingState
from ..warmstart.options import ModelOptions
from ..warmstart.origin import OriginReport, report_loaded
from ..warmstart.start import WarmStart, warm_start
from ..warmstart.vocabulary import Corpus
from .length import LENGTH_KEYS, check_length

# Where the run lies, how it is spread and who is told, not what it does.
FREE_ON_RESUME = (
    "output",
    "training.checkpoint_every_minutes",
    "training.micro_batch_tokens",
    "training.gradient_checkpointing",
    "training.sharding",
    "training.threads",
    "training.trackers",
    "generation.batch_tokens",
)
PRECISION = "training.precision"
UNSET = "nothing"  # a key under training.freeze that is null is there, and freezes


@dataclass(frozen=True)
class Start:
    """The model of a run with what belongs to it, freshly started or read from a checkpoint.

    weights: what training goes on from, by name, where the model read holds their averages; else empty.
    """

    model: TokenLossModel
    tokenizers: TokenizerPair
    framing: Framing
    origin: OriginReport
    state: TrainingState
    optimizer: dict[str, torch.Tensor]
    weights: dict[str, torch.Tensor] = field(default_factory=dict)


def start_model(recipe: Recipe) -> Start:
    """The model that a recipe begins with, for which `fit_lengths` fits the recipe."""
    corpus = _load_corpus(recipe) if recipe.model.trim_vocabulary else None
    started = start_from_options(recipe.model, seed=recipe.seed, corpus=corpus)
    check_target_prefix(started.tokenizers, started.framing, recipe)
    return Start(started.model, started.tokenizers, started.framing, started.origin, TrainingState(), {})


def _load_corpus(recipe: Recipe) -> Corpus:
    """All texts of a recipe's data: what a trimmed vocabulary has to write."""
    names = [*recipe.data.train, *recipe.data.validation, *recipe.data.test]
    layout = recipe.data.layout
    # Of rows that are left out the run tells when it has read them for its model.
    examples = load_examples(names, layout, build_reader(layout.normalization))
    targets = [text for example in examples for text in (example.target, *example.references)]
    return Corpus([example.source for example in examples], targets)


def start_from_options(options: ModelOptions, *, seed: int, corpus: Corpus | None = None) -> WarmStart:
    """A model from the checkpoints that the options name: two put together, or one encoder-decoder to train on.

    `corpus` is what model.trim_vocabulary trims to.

    Raises:
        WarmStartError, TokenizerError, CheckpointError: as `warm_start`, `add_families` and `read_checkpoint`.
    """
    if options.checkpoint is None:  # as of every plan but pretrained
        return warm_start(options, seed=seed, corpus=corpus)
    add_families(options.families, "model.families", WarmStartError)
    checkpoint = read_checkpoint(
        find_checkpoint(options.checkpoint),
        dropout=options.dropout,
        source_language=options.source_language,
        target_language=options.target_language,
    )
    for note in checkpoint.notes:
        errors().print(f"{checkpoint.folder}: {note}")
    # A published min_length would rule the run's own outputs and be gone from its checkpoints.
    checkpoint.model.generation_config = GenerationConfig(**read_marks(checkpoint.model.generation_config))
    origin = report_loaded("pretrained", checkpoint.model, str(checkpoint.folder), checkpoint.unused_tensors)
    return WarmStart(
        model=checkpoint.model,
        tokenizers=checkpoint.tokenizers,
        framing=checkpoint.framing,
        origin=origin,
        description=checkpoint.description,
    )


def resume_model(run: RunFolder, processes: Processes) -> Start:
    """The model, optimizer and state of a run's newest whole checkpoint.

    Raises:
        TrainingError: none of its checkpoints is whole.
    """
    folder, refused = run_on_main(processes, lambda: find_newest_whole(run.path))
    if folder is None:
        raise TrainingError(
            f"{run.path} has no whole checkpoint to go on from; choose another output.\n" + "\n".join(refused)
        )
    if processes.is_main_process:
        for reason in refused:
            errors().print(f"Passed over: {reason}")
    checkpoint, training = read_checkpoint(folder, checked=True), load_training_files(folder)
    state = TrainingState.from_dict(training.state)
    if not run_on_main(processes, lambda: _has_best(run, state)):
        state.best_step = state.best_value = None
    return Start(
        checkpoint.model,
        checkpoint.tokenizers,
        checkpoint.framing,
        _load_origin(run),
        state,
        training.optimizer,
        training.weights,
    )


def _has_best(run: RunFolder, state: TrainingState) -> bool:
    """Whether a run still has its best checkpoint, or had none yet; says so where it is lost."""
    if state.best_step in (None, state.step):
        return True
    try:
        check_manifest(step_folder(run.path, state.best_step))
    except CheckpointError as error:
        errors().print(f"The best checkpoint is lost, the next validation names another: {error}")
        return False
    return True


def _load_origin(run: RunFolder) -> OriginReport:
    try:
        return OriginReport.from_dict(bring_up_origin(load_json(run.origin)))
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{run.origin} is missing or broken ({error}). It tells which parameter learns at which rate: put it back, "
            "or choose another output."
        ) from None


def check_target_prefix(tokenizers: TokenizerPair, framing: Framing, recipe: Recipe) -> None:
    """Makes sure that outputs can begin with what they are to begin with, before a validation needs it.

    Raises:
        RecipeError: the tokenizer cannot write it, or it leaves no room for an end mark behind it.
    """
    options = recipe.generation
    try:
        check_prefix(encode_prefix(tokenizers.target, framing, options.target_prefix), options)
    except GenerationError as error:
        raise RecipeError(f"generation.{error}") from None


def check_same_recipe(folder: RunFolder, recipe: Recipe, unsettled: Collection[str] = ()) -> None:
    """Makes sure that a run goes on with the recipe it began with, but for `FREE_ON_RESUME` and, where it may, its end.

    Args:
        unsettled: keys that are compared later, when the model is there.

    Raises:
        TrainingError: naming every option that differs, or that the run's recipe is missing; or as `check_length`.
    """
    if not folder.exists():
        raise TrainingError(
            f"{folder.recipe} is missing, so nobody can tell how the run there was begun. Put it back, or choose "
            "another output."
        )
    values = _load_run_recipe(folder)
    then = flatten(values)
    now = flatten(recipe.model_dump(mode="json"))
    compared = (then.keys() | now.keys()) - {*FREE_ON_RESUME, *unsettled}
    if then.get(PRECISION) == "auto":  # which no run writes; whoever did leaves it to this machine
        compared -= {PRECISION}
    differing = sorted(key for key in compared if then.get(key, UNSET) != now.get(key, UNSET))
    if differing and set(differing) <= set(LENGTH_KEYS):
        check_length(folder, values, recipe)
    elif differing:
        lines = [
            f"  {key}: the run has {then.get(key, UNSET)!r}, the recipe now says {now.get(key, UNSET)!r}"
            for key in differing
        ]
        raise TrainingError(
            f"{folder.path} was begun with another recipe:\n"
            + "\n".join(lines)
            + "\nSet these back to go on with it, or choose another output."
        )


def adopt_old_values(folder: RunFolder, recipe: Recipe, given: Mapping[str, Any]) -> Recipe:
    """The recipe to go on with in a folder: options that it leaves out, and that came to something else then, are so.

    An option may have come after the run was begun, or its default, or the task's, may be another one since; and what
    precision was settled as the run began stays for any machine.

    Args:
        given: what whoever goes on says, before the task and defaults fill it up.
    """
    then = folder.read_recipe() if folder.exists() else None
    if not isinstance(then, dict):
        return recipe  # `check_same_recipe` tells what is wrong
    for key, old in choose_old_values(then, recipe.model_dump(mode="json"), frozenset(flatten(dict(given)))).items():
        given = merge(nest(key, old), given)
    recipe = build_recipe(given)
    settled = flatten(then).get(PRECISION)
    if recipe.training.precision == "auto" and settled in get_args(Precision):
        recipe = build_recipe(merge(given, nest(PRECISION, settled)))
    return recipe


def _load_run_recipe(folder: RunFolder) -> dict:
    values = folder.read_recipe()
    if not isinstance(values, dict):
        raise TrainingError(
            f"{folder.recipe} is no longer the recipe that the run wrote there. Put it back, or choose another output."
        )
    return values

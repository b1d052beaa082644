"""A checkpoint on disk: the folder that plain transformers loads, our description, and what training needs to go on.

Whole or absent: written beside, synced, renamed; a manifest holds the SHA-256 of every file. Layout:

    config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json   read by transformers
    target_tokenizer/                                                    where the target vocabulary differs
    seq2seq.json                                                         plan, sharing, task, framing, lengths
    training/optimizer.safetensors training/state.json                   absent in exported and averaged checkpoints
    training/weights.safetensors                                         where model.safetensors holds their averages
    averaged.json pruning.json                                           what it was averaged of, what was removed
    manifest.json
"""

import os
import shutil
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, GenerationConfig
from transformers.tokenization_utils_base import LARGE_INTEGER

from ..base.errors import CheckpointError, TokenizerError
from ..base.files import load_json, name_refused, sync_entry, sync_folder, write_json
from ..families.configs import set_dropout
from ..families.table import add_families, list_added_names
from ..modeling.build import build_model, find_published_architecture
from ..modeling.generation_config import read_marks, translate_options
from ..modeling.sharing import Sharing
from ..modeling.token_loss import TokenLossModel
from ..modeling.weights import find_not_finite
from ..run_folder.steps import RESCUE, STEP
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair, load_tokenizers
from .carried import carry
from .description import (
    DEFAULT_GENERATION,
    DESCRIPTION_FILE,
    TRAINING_FOLDER,
    WEIGHTS_FILE,
    CheckpointDescription,
    check_no_languages,
)
from .manifest import MANIFEST_FILE, check_manifest, write_manifest
from .published import PublishedEncoderDecoder, read_published
from .published_generation import Refusal, list_refusals
from .tables import check_tables

CONFIG_FILE = "config.json"
OPTIMIZER_FILE = "optimizer.safetensors"
STATE_FILE = "state.json"
TRAINED_FILE = "weights.safetensors"
DEFAULT_TARGET_TOKENS = 128  # of published models that do not say, where their positions allow it


@dataclass(frozen=True)
class TrainingFiles:
    """What a run needs besides the model: the optimizer's tensors by name, and a JSON object.

    weights: those that training goes on from, where the model holds their averages; else empty.
    """

    optimizer: dict[str, torch.Tensor]
    state: dict
    weights: dict[str, torch.Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint; the model is in evaluation mode, float32, with its sharing restored.

    unused_tensors: of a published file, those that the model has no place for; shared: what that file had shared.
    refused: what a published generation config asks for and nobody here obeys, as in `PublishedGeneration`.
    notes: what its user should know.
    """

    folder: Path
    model: TokenLossModel
    tokenizers: TokenizerPair
    framing: Framing
    description: CheckpointDescription
    unused_tensors: tuple[str, ...] = ()
    shared: str | None = None
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()

    def save(self, folder: str | Path) -> None:
        """Writes the model as it is now: a new folder for `load_checkpoint`, plan pretrained and plain transformers.

        Raises:
            CheckpointError: what it says of generation is not obeyed here, or as `save_checkpoint`.
        """
        if refused := list_refusals(self.refused, self.description.generation):
            raise CheckpointError("\n".join(refused))
        save_checkpoint(Path(folder), self.model, self.tokenizers, self.description)


def save_checkpoint(
    folder: Path,
    model: TokenLossModel,
    tokenizers: TokenizerPair,
    description: CheckpointDescription,
) -> None:
    """`write_checkpoint` for users: without the state of a training, with every option, and never over anything.

    Raises:
        CheckpointError: the folder holds something already, or cannot be written.
    """
    is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not is_free:
        raise CheckpointError(f"{folder} exists already. Choose a new folder.")
    generation = DEFAULT_GENERATION | description.generation
    try:
        write_checkpoint(folder, model, tokenizers, replace(description, generation=generation))
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be written ({error.strerror}). Choose another folder.") from error


def write_checkpoint(
    folder: Path,
    model: TokenLossModel,
    tokenizers: TokenizerPair,
    description: CheckpointDescription,
    training: TrainingFiles | None = None,
    notes: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Writes a whole checkpoint under its final name, or nothing.

    The weights are stored untied and whole for both sides, without the output layer, which transformers ties to the
    decoder's table. The generation config carries the description's options, so plain `generate` writes the same text.
    Of the description, `pruned` and `families` are written as the model has them.

    Args:
        notes: further JSON files, by name.

    Raises:
        OSError: the disk is full or refuses otherwise.
    """
    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with name_refused(folder):
            _write_files(beside, model, tokenizers, description, training, notes)
            sync_folder(beside)
    except BaseException:  # Ctrl-C too
        shutil.rmtree(beside, ignore_errors=True)
        raise
    if folder.exists():
        # A folder takes the place of no other that holds files.
        remove_checkpoint(folder)
    os.replace(beside, folder)
    sync_entry(folder.parent)


def _write_files(
    folder: Path,
    model: TokenLossModel,
    tokenizers: TokenizerPair,
    description: CheckpointDescription,
    training: TrainingFiles | None,
    notes: Mapping[str, object],
) -> None:
    folder.mkdir(parents=True)
    written = replace(description, pruned=dict(model.pruned), families=list_added_names(model.config))
    _write_config(folder, model, written, tokenizers)
    weights = {name: tensor.float() for name, tensor in model.list_stored().items()}
    save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    tokenizers.save(
        folder,
        max_source_tokens=description.max_source_tokens,
        framing=Framing.from_dict(description.framing),
    )
    write_json(folder / DESCRIPTION_FILE, written.to_dict())
    for name, note in notes.items():
        write_json(folder / name, note)
    if training is not None:
        _write_training_files(folder / TRAINING_FOLDER, training)
    write_manifest(folder)


def _write_training_files(folder: Path, training: TrainingFiles) -> None:
    folder.mkdir()
    save_file(training.optimizer, folder / OPTIMIZER_FILE)
    if training.weights:
        save_file(training.weights, folder / TRAINED_FILE)
    write_json(folder / STATE_FILE, training.state)


def _write_config(
    folder: Path,
    model: TokenLossModel,
    description: CheckpointDescription,
    tokenizers: TokenizerPair,
) -> None:
    config = deepcopy(model.config)
    config.architectures = [find_published_architecture(model)]
    config.dtype = "float32"
    carry(config, description, tokenizers)
    config.save_pretrained(folder)
    marks = read_marks(model.generation_config)
    options = translate_options(description.generation)
    GenerationConfig(**marks, **options).save_pretrained(folder)


def read_checkpoint(
    folder: Path,
    *,
    checked: bool = False,
    dropout: float | None = None,
    source_language: str | None = None,
    target_language: str | None = None,
) -> Checkpoint:
    """Loads model and tokenizers of a checkpoint folder and restores the sharing.

    A folder without our description is read as a published encoder-decoder, with its own framing.

    Args:
        checked: the caller has just compared the files with the manifest; they are not hashed again.
        dropout: of all layers; None keeps the checkpoint's own.
        source_language, target_language: for published checkpoints whose tokenizer marks languages.

    Raises:
        CheckpointError: a file is missing, weights and config do not belong together, a weight is not finite, or as
            `add_families`.
        TokenizerError: a published folder has no tokenizer that can be run here.
    """
    if not (folder / DESCRIPTION_FILE).exists():
        published = read_published(
            folder,
            source_language=source_language,
            target_language=target_language,
            dropout=dropout,
        )
        return _as_checkpoint(folder, published)
    check_no_languages(folder, source_language, target_language)
    description = CheckpointDescription.load(folder)
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).exists():
            raise CheckpointError(f"{folder}: {name} is missing.")
    if not checked and (folder / MANIFEST_FILE).exists():  # whoever changes a file on purpose deletes it
        check_manifest(folder)
    add_families(description.families, f"{folder / DESCRIPTION_FILE}: families", CheckpointError)
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        if dropout is not None:
            set_dropout(config, dropout)
        # The weights that a model is built with are random, and drawing them must not move a run's own draws.
        with torch.random.fork_rng(devices=[]):
            model = build_model(config, Sharing(**description.sharing), description.pruned)
        _load_weights(model, folder)
        model.generation_config = GenerationConfig.from_pretrained(str(folder))
        tokenizers = load_tokenizers(folder)
        framing = Framing.from_dict(description.framing)
        carry(model.config, description, tokenizers)  # those of earlier versions carry nothing
    except (TokenizerError, SafetensorError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{folder} cannot be read: {error}") from None
    check_tables(folder, model, tokenizers, framing, reads_text=description.reads_text, serves_both=True)
    return Checkpoint(folder, model.eval(), tokenizers, framing, description)


def _as_checkpoint(folder: Path, published: PublishedEncoderDecoder) -> Checkpoint:
    return Checkpoint(
        folder=folder,
        model=published.model,
        tokenizers=published.tokenizers,
        framing=published.framing,
        description=_summarize_published(published),
        unused_tensors=published.unused_tensors,
        shared=None if published.carried else published.shared,  # of ours nothing else is expected
        refused=published.refused,
        notes=published.notes,
    )


def _summarize_published(published: PublishedEncoderDecoder) -> CheckpointDescription:
    """What the folder carries of our description as it is now; else its own layout of data and metrics are unknown."""
    model = published.model
    longest = find_longest(model, published.generation)
    generation = {"max_target_tokens": longest} | published.generation
    if published.carried is not None:
        return replace(
            published.carried,
            sharing=model.sharing.to_dict(),
            framing=published.framing.to_dict(),
            generation=generation,
        )
    return CheckpointDescription(
        plan="pretrained",
        task="",
        sharing=model.sharing.to_dict(),
        framing=published.framing.to_dict(),
        layout={},
        max_source_tokens=_find_source_limit(published),
        max_target_tokens=longest,
        generation=generation,
        evaluation={},
    )


def find_longest(model: TokenLossModel, generation: Mapping[str, Any]) -> int:
    """The most tokens of an output where nobody says: as far as the positions go, and beyond the least it must have.

    Example: {} -> 128, {"min_target_tokens": 200} -> 328, both at most the positions of the decoder
    """
    longest = DEFAULT_TARGET_TOKENS
    least = generation.get("min_target_tokens", 0)
    if least >= longest:
        longest += least
    return min(model.max_target_positions or longest, longest)


def _find_source_limit(published: PublishedEncoderDecoder) -> int:
    """What the tokenizer says, where plain transformers cuts too, as far as the positions go; else these, else 512."""
    positions = published.model.max_source_positions
    limits = [] if positions is None else [positions]
    own = published.tokenizers.source.model_max_length
    # transformers has a number beyond all texts where a tokenizer says nothing.
    if published.framing.source_marks < own <= LARGE_INTEGER:
        limits.append(int(own))
    return min(limits, default=512)


def _load_weights(model: TokenLossModel, folder: Path) -> None:
    weights = load_file(folder / WEIGHTS_FILE)
    parameters = model.state_dict()
    buffers = dict(model.named_buffers())
    expected = set(parameters) - model.tied_names
    if expected != set(weights):
        missing = sorted(expected - set(weights))
        unknown = sorted(set(weights) - expected)
        raise CheckpointError(
            f"{folder / WEIGHTS_FILE}: {len(missing)} tensors are missing {missing[:3]} and {len(unknown)} are unknown "
            f"{unknown[:3]}. Weights and config.json do not belong together."
        )
    for name, tensor in weights.items():
        if parameters[name].shape != tensor.shape:
            expected_shape = tuple(parameters[name].shape)
            raise CheckpointError(
                f"{folder / WEIGHTS_FILE}: {name} has shape {tuple(tensor.shape)}, config.json asks for "
                f"{expected_shape}."
            )
        _check_finite(folder / WEIGHTS_FILE, name, tensor, may_mask=name in buffers)
        parameters[name].copy_(tensor)
    # Of two names that share memory the later one has overwritten the earlier.
    for name, tensor in weights.items():
        if not torch.equal(parameters[name], tensor.float()):
            raise CheckpointError(
                f"{folder / WEIGHTS_FILE}: {DESCRIPTION_FILE} says that encoder and decoder share parameters, but "
                f"their stored values differ, for instance {name}. Was the file changed by another program?"
            )


def _check_finite(file: Path, name: str, tensor: torch.Tensor, *, may_mask: bool = False) -> None:
    """Makes sure that a tensor of a file is whole; `may_mask` as in `find_not_finite`.

    Raises:
        CheckpointError: it holds nan or infinity.
    """
    fault = find_not_finite(name, tensor, may_mask=may_mask)
    if fault is not None:
        raise CheckpointError(f"{file}: {fault}")


def remove_checkpoint(folder: Path) -> None:
    """Removes a checkpoint; if that is cut short, what is left no longer has a checkpoint's name."""
    aside = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(aside, ignore_errors=True)
    os.replace(folder, aside)
    shutil.rmtree(aside)


def set_aside(folder: Path) -> Path:
    """Renames a damaged checkpoint to step_N.broken, which nothing takes for a checkpoint; returns its new path."""
    aside = folder.with_name(f"{folder.name}.broken")
    shutil.rmtree(aside, ignore_errors=True)
    os.replace(folder, aside)
    return aside


def remove_leftovers(folder: Path) -> None:
    """Removes what a crash left of checkpoints half written or half removed in a folder of checkpoints."""
    for kind in (STEP, RESCUE):
        for ending in ("partial", "removed"):
            for path in folder.glob(f".{kind}_*.{ending}"):
                shutil.rmtree(path)


def load_training_files(folder: Path) -> TrainingFiles:
    """What `write_checkpoint` was given as `training`.

    Raises:
        CheckpointError: the checkpoint holds no training state, or weights that are not finite.
    """
    training = folder / TRAINING_FOLDER
    if not (training / STATE_FILE).exists():
        raise CheckpointError(f"{folder} holds weights but no training state, so a run cannot go on from it.")
    weights = {}
    if (training / TRAINED_FILE).exists():
        weights = load_file(training / TRAINED_FILE)
        for name, tensor in weights.items():
            _check_finite(training / TRAINED_FILE, name, tensor)
    return TrainingFiles(
        optimizer=load_file(training / OPTIMIZER_FILE),
        state=load_json(training / STATE_FILE),
        weights=weights,
    )

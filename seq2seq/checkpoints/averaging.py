"""Averaging of checkpoints: one checkpoint whose weights are the mean of several that differ in nothing else.

Reads and writes checkpoint folders; which of them an argument means is `find.py`'s matter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ..base.errors import CheckpointError
from ..base.files import compute_sha256, load_json
from ..modeling.sharing import map_shared_names
from ..modeling.token_loss import TokenLossModel
from .description import DESCRIPTION_FILE, CheckpointDescription
from .folder import CONFIG_FILE, WEIGHTS_FILE, read_checkpoint, write_checkpoint

AVERAGED_FILE = "averaged.json"
TOKENIZER_FILES = ("tokenizer.json", "target_tokenizer/tokenizer.json")
CONFIG_NOTES = ("transformers_version", "_name_or_path")  # of how the file came about, not of the model
SAME = ("sharing", "framing", "pruned")  # what the descriptions must agree in; the rest says how a checkpoint is used


@dataclass(frozen=True)
class Averaged:
    """What was averaged, and in what their descriptions differ, where the last one's holds."""

    folders: tuple[Path, ...]
    differing: tuple[str, ...]


def average_checkpoints(folders: Sequence[Path], output: Path) -> Averaged:
    """Writes the mean of the checkpoints' weights, summed in float64, as a checkpoint without training state.

    What else it holds is the last one's, so the newest should come last.

    Raises:
        CheckpointError: there are fewer than two, one is named twice, is broken or not of this project, or differs in
            config, tokenizers, sharing, framing or pruned heads; or `output` exists or cannot be written.
    """
    if output.exists():
        raise CheckpointError(f"{output} exists already. Choose a new folder for the average.")
    _check_folders(folders)
    for folder in folders[1:]:
        check_same_kind(folders[0], folder)
    descriptions = [CheckpointDescription.load(folder) for folder in folders]
    sums: dict[str, torch.Tensor] = {}
    for folder in folders:
        checkpoint = read_checkpoint(folder)
        for name, tensor in _list_tensors(checkpoint.model).items():
            sums[name] = sums[name].add_(tensor) if name in sums else tensor.double()
    for name, tensor in _list_tensors(checkpoint.model).items():
        tensor.copy_(sums[name] / len(folders))
    described = replace(descriptions[-1], step=max(description.step for description in descriptions))
    averaged = [
        {"checkpoint": str(folder), "step": description.step, "weights_sha256": compute_sha256(folder / WEIGHTS_FILE)}
        for folder, description in zip(folders, descriptions, strict=True)
    ]
    try:
        write_checkpoint(output, checkpoint.model, checkpoint.tokenizers, described, notes={AVERAGED_FILE: averaged})
    except OSError as error:
        raise CheckpointError(f"{output} cannot be written ({error.strerror}). Choose another output.") from error
    return Averaged(tuple(folders), _list_differing_uses(descriptions))


def _list_tensors(model: TokenLossModel) -> dict[str, torch.Tensor]:
    """Parameters and saved buffers by name, shared parameters once; the tensors are the model's own."""
    further = map_shared_names(model)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in further}


def _check_folders(folders: Sequence[Path]) -> None:
    if len(folders) < 2:
        raise CheckpointError(
            f"An average needs at least two checkpoints, found {len(folders)} ({', '.join(map(str, folders))}). "
            "Name more, or a run folder and how many of its last ones (--last)."
        )
    resolved = [folder.resolve() for folder in folders]
    if repeated := [str(folder) for index, folder in enumerate(folders) if resolved[index] in resolved[:index]]:
        raise CheckpointError(f"{', '.join(repeated)} is named more than once. Name every checkpoint once.")
    for folder in folders:
        if not (folder / DESCRIPTION_FILE).exists():
            raise CheckpointError(
                f"{folder} has no {DESCRIPTION_FILE}: averaged are checkpoints of this project alone."
            )


def check_same_kind(first: Path, other: Path) -> None:
    """Makes sure that the weights of two checkpoints mean the same.

    Raises:
        CheckpointError: naming everything of config, sharing, framing, pruned heads and tokenizers that differs.
    """
    lines = [
        *_compare("config", _load_config(first), _load_config(other)),
        *_compare_descriptions(first, other),
        *(f"  {name} differs" for name in TOKENIZER_FILES if _hash(first / name) != _hash(other / name)),
    ]
    if lines:
        raise CheckpointError(
            f"{other} cannot be averaged with {first}, because it is of another kind:\n" + "\n".join(lines)
        )


def _compare_descriptions(first: Path, other: Path) -> Iterator[str]:
    ours, theirs = (CheckpointDescription.load(folder).to_dict() for folder in (first, other))
    for name in SAME:
        yield from _compare(name, ours[name], theirs[name])


def _compare(name: str, first: object, other: object) -> list[str]:
    """A line for every value that differs, by dotted name; 'nothing' where one has no such value."""
    if isinstance(first, dict) and isinstance(other, dict):
        keys = sorted(first.keys() | other.keys())
        pairs = [(f"{name}.{key}", first.get(key, "nothing"), other.get(key, "nothing")) for key in keys]
        return [line for pair in pairs for line in _compare(*pair)]
    return [] if first == other else [f"  {name}: {first!r} in the first, {other!r} in the other"]


def _load_config(folder: Path) -> dict:
    if not (folder / CONFIG_FILE).exists():
        raise CheckpointError(f"{folder}: {CONFIG_FILE} is missing.")
    return _without_notes(load_json(folder / CONFIG_FILE))


def _without_notes(config: dict) -> dict:
    return {
        key: _without_notes(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in CONFIG_NOTES
    }


def _hash(path: Path) -> str | None:
    return compute_sha256(path) if path.exists() else None


def _list_differing_uses(descriptions: Sequence[CheckpointDescription]) -> tuple[str, ...]:
    """The fields of the descriptions, apart from the step, that not all of them have in common."""
    *others, last = (description.to_dict() for description in descriptions)
    return tuple(name for name in last if name != "step" and any(other[name] != last[name] for other in others))

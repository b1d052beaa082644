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
from ..text.tokenizer_files import TARGET_FOLDER, TOKENIZER_FILE
from .description import CARRIED_KEY, DESCRIPTION_FILE, WEIGHTS_FILE, CheckpointDescription
from .find import check_replaceable_checkpoint
from .folder import CONFIG_FILE, Checkpoint, read_checkpoint, write_checkpoint

AVERAGED_FILE = "averaged.json"
COMPARED_FILES = (TOKENIZER_FILE, f"{TARGET_FOLDER}/{TOKENIZER_FILE}")
# Of how the file came about, not of the model; and the description, which is compared by itself.
CONFIG_NOTES = ("transformers_version", "_name_or_path", CARRIED_KEY)
SAME = ("sharing", "framing", "pruned")  # what the descriptions must agree in; the rest says how a checkpoint is used


@dataclass(frozen=True)
class Averaged:
    """What was averaged, and in what their descriptions differ, where the last one's holds."""

    folders: tuple[Path, ...]
    differing: tuple[str, ...]


def average_checkpoints(folders: Sequence[Path], output: Path, *, overwrite: bool = False) -> Averaged:
    """Writes the mean of the checkpoints' weights, summed in float64, as a checkpoint without training state.

    What else it holds is the last one's, so the newest should come last.

    Raises:
        CheckpointError: there are fewer than two, one is named twice, is broken or not of this project, or differs in
            config, tokenizers, sharing, framing or pruned heads; or `output` exists and is not to be replaced, or
            cannot be written.
    """
    check_replaceable_checkpoint(output, overwrite=overwrite)
    _check_folders(folders)
    for folder in folders[1:]:
        _check_same_kind(folders[0], folder)
    descriptions = [CheckpointDescription.load(folder) for folder in folders]
    checkpoint = _read_average(folders)
    newest = max(description.step for description in descriptions)
    averaged = [_summarize_part(folder, description) for folder, description in zip(folders, descriptions, strict=True)]
    try:
        write_checkpoint(
            output,
            checkpoint.model,
            checkpoint.tokenizers,
            replace(descriptions[-1], step=newest),
            notes={AVERAGED_FILE: averaged},
        )
    except OSError as error:
        raise CheckpointError(f"{output} cannot be written ({error.strerror}). Choose another output.") from error
    return Averaged(tuple(folders), _list_differing_uses(descriptions))


def _read_average(folders: Sequence[Path]) -> Checkpoint:
    """The last checkpoint, whose model has the mean of all weights."""
    sums: dict[str, torch.Tensor] = {}
    # One model in memory at a time, beside the sums.
    for folder in folders:
        checkpoint = read_checkpoint(folder)
        for name, tensor in _list_tensors(checkpoint.model).items():
            if name in sums:
                sums[name] += tensor
            else:
                sums[name] = tensor.double()
    # The last one that was read takes the mean; its tensors are the model's own.
    for name, tensor in _list_tensors(checkpoint.model).items():
        tensor.copy_(sums[name] / len(folders))
    return checkpoint


def _summarize_part(folder: Path, description: CheckpointDescription) -> dict[str, str | int]:
    """What averaged.json says of one of the checkpoints."""
    return {
        "checkpoint": str(folder),
        "step": description.step,
        "weights_sha256": compute_sha256(folder / WEIGHTS_FILE),
    }


def _list_tensors(model: TokenLossModel) -> dict[str, torch.Tensor]:
    """Parameters and saved buffers by name, shared parameters once; the tensors are the model's own."""
    further = map_shared_names(model)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in further}


def _check_folders(folders: Sequence[Path]) -> None:
    if len(folders) < 2:
        names = ", ".join(map(str, folders))
        raise CheckpointError(
            f"An average needs at least two checkpoints, found {len(folders)} ({names}). "
            "Name more, or a run folder and how many of its last ones (--last)."
        )
    resolved: set[Path] = set()
    repeated = []
    for folder in folders:
        if folder.resolve() in resolved:
            repeated.append(str(folder))
        resolved.add(folder.resolve())
    if repeated:
        raise CheckpointError(f"{', '.join(repeated)} is named more than once. Name every checkpoint once.")
    for folder in folders:
        if not (folder / DESCRIPTION_FILE).exists():
            raise CheckpointError(
                f"{folder} has no {DESCRIPTION_FILE}: averaged are checkpoints of this project alone."
            )


def _check_same_kind(first: Path, other: Path) -> None:
    """Makes sure that the weights of two checkpoints mean the same.

    Raises:
        CheckpointError: naming everything of config, sharing, framing, pruned heads and tokenizers that differs.
    """
    lines = _compare("config", _load_config(first), _load_config(other))
    lines += _compare_descriptions(first, other)
    for name in COMPARED_FILES:
        if _hash(first / name) != _hash(other / name):
            lines.append(f"  {name} differs")
    if lines:
        raise CheckpointError(
            f"{other} cannot be averaged with {first}, because it is of another kind:\n" + "\n".join(lines)
        )


def _compare_descriptions(first: Path, other: Path) -> Iterator[str]:
    of_first = CheckpointDescription.load(first).to_dict()
    of_other = CheckpointDescription.load(other).to_dict()
    for name in SAME:
        yield from _compare(name, of_first[name], of_other[name])


def _compare(name: str, first: object, other: object) -> list[str]:
    """A line for every value that differs, by dotted name; 'nothing' where one has no such value."""
    if isinstance(first, dict) and isinstance(other, dict):
        lines = []
        for key in sorted(first.keys() | other.keys()):
            one = first.get(key, "nothing")
            two = other.get(key, "nothing")
            lines += _compare(f"{name}.{key}", one, two)
        return lines
    if first == other:
        return []
    return [f"  {name}: {first!r} in the first, {other!r} in the other"]


def _load_config(folder: Path) -> dict:
    if not (folder / CONFIG_FILE).exists():
        raise CheckpointError(f"{folder}: {CONFIG_FILE} is missing.")
    return _without_notes(load_json(folder / CONFIG_FILE))


def _without_notes(config: dict) -> dict:
    kept = {}
    for key, value in config.items():
        if key in CONFIG_NOTES:
            continue
        # An encoder-decoder's config holds those of its sides, which have notes of their own.
        kept[key] = _without_notes(value) if isinstance(value, dict) else value
    return kept


def _hash(path: Path) -> str | None:
    return compute_sha256(path) if path.exists() else None


def _list_differing_uses(descriptions: Sequence[CheckpointDescription]) -> tuple[str, ...]:
    """The fields of the descriptions, apart from the step, that not all of them have in common."""
    *others, last = (description.to_dict() for description in descriptions)
    differing = []
    for name, value in last.items():
        if name != "step" and any(other[name] != value for other in others):
            differing.append(name)
    return tuple(differing)

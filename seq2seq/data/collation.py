"""Examples into the model's inputs, and these onto its device.

Shapes: B examples, S longest source, T longest target of the micro-batch.
"""

from collections.abc import Mapping

import numpy
import torch

from ..modeling.token_loss import IGNORED_LABEL, find_real
from ..sources.padding import pad_rows
from ..sources.source import CollateSources
from .encoding import EncodedExamples

MASK = "attention_mask"
UNPINNED = ("cpu", "mps", "meta")  # devices that read the machine's own memory, or none


def collate(
    examples: EncodedExamples,
    indices: numpy.ndarray,
    collate_sources: CollateSources,
) -> dict[str, torch.Tensor]:
    """The model's inputs for some examples: those of the source's kind by their names, and labels.

    No indices give one row of a single pad and an ignored label: it runs through the model and weighs nothing.

    Shape: of a text input_ids and attention_mask (B, S), which is left out where nothing is padded; labels (B, T), -100
    behind the target; real (N,), where the N real labels stand among all.
    """
    inputs = drop_full_mask(collate_sources([examples.sources[index] for index in indices]))
    labels = pad_rows([examples.labels[index] for index in indices], IGNORED_LABEL)
    # Looked at here: where a GPU would look for them, the CPU waits for what it finds.
    return inputs | {"labels": labels, "real": find_real(labels)}


def drop_full_mask(inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inputs of an encoder without their mask where nothing is padded: attention without one is faster."""
    mask = inputs.get(MASK)
    is_full = mask is not None and bool(mask.all())
    return {name: tensor for name, tensor in inputs.items() if not (is_full and name == MASK)}


def collate_to_shape(
    examples: EncodedExamples,
    indices: numpy.ndarray,
    collate_sources: CollateSources,
    shape: tuple[int, int, int],
) -> dict[str, torch.Tensor]:
    """As `collate`, filled up to a shape: examples, longest source, longest target. The mask is never left out.

    The rows behind the examples are a source of the data with ignored labels, which weighs nothing.

    Example: sources [[5, 6]], labels [[7]], shape (2, 3, 2) -> input_ids [[5, 6, 0], [5, 6, 0]], labels [[7, -100],
    [-100, -100]], real [0]
    """
    count, source, target = shape
    rows = [examples.sources[index] for index in indices]
    filler = rows[0] if rows else examples.sources[0][:source]
    rows += [filler] * (count - len(rows))
    # Every source fills up to the longest: to one of the length that is wanted, which is dropped.
    longest = numpy.resize(filler, (source, *filler.shape[1:]))
    inputs = {name: tensor[:count] for name, tensor in collate_sources([*rows, longest]).items()}
    labels = torch.full((count, target), IGNORED_LABEL)
    if len(indices):
        of_examples = pad_rows([examples.labels[index] for index in indices], IGNORED_LABEL)
        labels[: of_examples.shape[0], : of_examples.shape[1]] = of_examples
    return inputs | {"labels": labels, "real": find_real(labels)}


def move_batch(batch: Mapping[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    """The model's inputs on its device, where some may be already.

    By way of memory that the system keeps in its place (pinned): a GPU fetches them from there by itself, while the CPU
    goes on.
    """
    if device.type in UNPINNED:
        return {name: tensor.to(device) for name, tensor in batch.items()}
    moved = {}
    for name, tensor in batch.items():
        is_there = tensor.device.type == device.type
        moved[name] = tensor if is_there else tensor.pin_memory().to(device, non_blocking=True)
    return moved

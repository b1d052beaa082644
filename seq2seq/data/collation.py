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
    inputs = collate_sources([examples.sources[index] for index in indices])
    mask = inputs.get(MASK)
    if mask is not None and mask.all():  # attention without a mask is faster
        del inputs[MASK]
    labels = pad_rows([examples.labels[index] for index in indices], IGNORED_LABEL)
    # Looked at here: where a GPU would look for them, the CPU waits for what it finds.
    return inputs | {"labels": labels, "real": find_real(labels)}


def move_batch(batch: Mapping[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    """The model's inputs on its device.

    By way of memory that the system keeps in its place (pinned): a GPU fetches them from there by itself, while the CPU
    goes on.
    """
    if device.type in UNPINNED:
        return {name: tensor.to(device) for name, tensor in batch.items()}
    return {name: tensor.pin_memory().to(device, non_blocking=True) for name, tensor in batch.items()}

"""Examples into the model's inputs. Shapes: B examples, S longest source, T longest target of the micro-batch."""

import numpy
import torch

from ..modeling.token_loss import IGNORED_LABEL, find_real
from ..sources.padding import pad_rows
from ..sources.source import CollateSources
from .encoding import EncodedExamples

MASK = "attention_mask"


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

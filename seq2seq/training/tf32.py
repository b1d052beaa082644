"""What fp32 products on a CUDA GPU are computed by: fp32 itself, or TF32, which keeps 10 of the 23 bits of a fraction.

torch keeps that for the whole process, so it is set while a run trains, and put back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

FIRST_CAPABILITY = 8  # of a GPU that has TF32: Ampere, of 2020
# Their names are made as torch is imported, unseen by a type checker.
MATMUL: Any = torch.backends.cuda.matmul
CUDNN: Any = torch.backends.cudnn


@contextmanager
def multiplying_by_tf32(wanted: bool) -> Iterator[None]:
    """Matrix products and convolutions of fp32 are by TF32 on CUDA while the block runs, or are not; then as before.

    torch takes convolutions by TF32 unless told otherwise, so that `False` says something too.
    """
    # Read by torch's new names, which never refuse; set by the old ones, which set both, or `torch.compile` would.
    matmul = MATMUL.fp32_precision
    convolution = CUDNN.conv.fp32_precision
    recurrence = CUDNN.rnn.fp32_precision
    MATMUL.allow_tf32 = wanted
    CUDNN.allow_tf32 = wanted
    try:
        yield
    finally:
        MATMUL.allow_tf32 = matmul == "tf32"
        CUDNN.allow_tf32 = convolution == "tf32"
        # The old names know two states, the new ones more.
        MATMUL.fp32_precision = matmul
        CUDNN.conv.fp32_precision = convolution
        CUDNN.rnn.fp32_precision = recurrence


def find_idle_reason(device: torch.device) -> str | None:
    """Why TF32 changes nothing on a device, as half a sentence; None where it does."""
    if device.type != "cuda":
        return "the run computes on no CUDA GPU"
    major, _ = torch.cuda.get_device_capability(device)
    if major < FIRST_CAPABILITY:
        return f"{torch.cuda.get_device_name(device)} has no TF32"
    return None

"""Memory that runs out, of a GPU or of the machine: recognized, and told in words."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from .errors import (
    AnalysisError,
    Seq2SeqError,
)

# What libraries say where they raise a plain RuntimeError, or one that stands for other faults too.
_MESSAGES = re.compile(
    "|".join(
        (
            r"out[ _]of[ _](device[ _]|host[ _])?memory",  # CUDA, HIP, XPU, MPS, NCCL, CTranslate2
            r"_alloc(ation)?_?failed",  # the status of cuBLAS, cuDNN, cuSOLVER and their kin
            r"cudaErrorMemoryAllocation|hipErrorOutOfMemory|miopenStatusAllocFailed|rocblas_status_memory_error",
            r"DefaultCPUAllocator: (can't allocate|not enough) memory",
            r"enforce fail at alloc_cpu\.cpp",
            r"cannot allocate memory",  # the operating system, where a file is to be mapped
            r"bad_alloc\b|bad allocation",  # C++
            r"PT_DEVMEM Allocation failed",  # HPU
        )
    ),
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: by its type, or a RuntimeError by its message."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _MESSAGES.search(str(error)) is not None


@contextmanager
def explain_memory(told: Seq2SeqError) -> Iterator[None]:
    """Raises `told` in place of an error of the block that says that memory ran out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise told from error


def explain_batch_memory(batch_tokens: int) -> AbstractContextManager[None]:
    """Lets a block weigh or measure a model in batches of `batch_tokens` padded tokens.

    Raises:
        AnalysisError: memory ran out in the block.
    """
    told = AnalysisError(f"Memory ran out with batches of {batch_tokens} tokens. Lower batch_tokens.")
    return explain_memory(told)

"""Memory that runs out, of a GPU or of the machine: recognized, and told in words."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from accelerate.utils.memory import should_reduce_batch_size

from .errors import (
    AnalysisError,
    Seq2SeqError,
)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out; torch has several for it."""
    return isinstance(error, MemoryError) or should_reduce_batch_size(error)


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

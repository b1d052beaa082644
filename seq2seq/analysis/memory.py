"""Memory that runs out while a model is weighed or measured, told in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from accelerate.utils.memory import should_reduce_batch_size

from ..errors import AnalysisError


@contextmanager
def explain_memory(batch_tokens: int) -> Iterator[None]:
    """Lets the block run in batches of at most so many padded tokens.

    Raises:
        AnalysisError: memory ran out in the block.
    """
    try:
        yield
    except RuntimeError as error:
        if not should_reduce_batch_size(error):
            raise
        raise AnalysisError(f"Memory ran out with batches of {batch_tokens} tokens. Lower batch_tokens.") from error

"""Where the processes of a run meet in a step: what they add up, and how all of them end where one lacks memory.

Knows nothing of losses or data.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

import torch
from accelerate import Accelerator

from ..base.console import errors
from ..base.errors import TrainingError
from ..base.memory import is_out_of_memory
from .out_of_memory import PARTS, explain_part
from .signals import STOP_SIGNALS

# Of a process that has nothing to tell the others but what memory it lacked: no rescue point is due, no signal came.
NO_FLAGS = (False,) * (1 + len(STOP_SIGNALS))


class Agreement:
    """What one process of a run tells the others."""

    def __init__(
        self,
        accelerator: Accelerator,
        optimizer: torch.optim.Optimizer,
        log_end: Callable[[str], None],
        *,
        sharded: bool,
    ) -> None:
        """`log_end` takes the reason of an end; `sharded`: whether the model is spread over the processes."""
        self._accelerator = accelerator
        self._optimizer = optimizer
        self._log_end = log_end
        self._sharded = sharded

    def add_up(self, loss: torch.Tensor, *flags: bool) -> list[float]:
        """The sums over all processes of a loss, and of flags that each process raises for itself."""
        mine = torch.cat([loss.reshape(1), torch.tensor(flags, dtype=loss.dtype, device=loss.device)])
        return self._accelerator.reduce(mine, "sum").tolist()

    def meet(self, step: int, part: str | None = None, flags: Sequence[bool] = NO_FLAGS) -> list[float]:
        """Where processes learn what became of the others in a step: how many of them raise each flag.

        It comes behind every step, behind sums that are not finite, and before a validation.

        Args:
            part: that this process had no memory for.
            flags: whether a rescue point is due, and for each stop signal whether it came.

        Raises:
            TrainingError: a process had no memory for a part.
        """
        nothing = torch.zeros((), dtype=torch.float64, device=self._accelerator.device)
        _, *counts = self.add_up(nothing, *flags, *(part == one for one in PARTS))
        for failed, processes in zip(PARTS, counts[len(flags) :], strict=True):
            if processes:
                self.end_without_memory(explain_part(step, failed))
        return counts[: len(flags)]

    @contextmanager
    def ending_together(self, step: int, part: str) -> Iterator[None]:
        """Ends the run on all processes where memory runs out in the block, a part of a step behind its micro-batches.

        Nothing is done again: gradients, and on other processes weights, may have changed. The others go on until they
        next meet this one, so that a step in which nothing happens needs no further word between the processes.

        Raises:
            TrainingError: memory ran out.
        """
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            told = explain_part(step, part)
            self.drop_gradients()
            if self._sharded and part in ("norm", "clipping"):  # for which sharded processes speak to each other
                self.end_alone(told)
            with suppress(RuntimeError):  # the others may be gone
                self.meet(step, part)
            self.end_without_memory(told)

    def end_without_memory(self, told: str) -> NoReturn:
        """To be called by all processes."""
        self._log_end("out_of_memory")
        raise TrainingError(told)

    def end_alone(self, told: str) -> NoReturn:
        """The other processes wait inside the model until the launcher ends them, so this one alone can tell."""
        if not self._accelerator.is_local_main_process:  # what it raises is shown in any case
            errors().print(f"Process {self._accelerator.process_index}: {told}")
        self.end_without_memory(told)

    def drop_gradients(self) -> None:
        """Frees the memory of gradients that are of no use."""
        self._optimizer.zero_grad(set_to_none=True)
        # torch keeps freed memory in pieces of the old sizes, into which the smaller batches need not fit.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

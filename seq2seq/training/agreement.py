"""What the processes of a run tell each other in a step, and how all of them end where one lacks memory.

A process waits for its device once in a step, where it reads what all of them have told. Knows nothing of losses or
data.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import torch
from accelerate import Accelerator

from ..base.console import errors
from ..base.errors import TrainingError
from ..base.memory import is_out_of_memory
from .out_of_memory import PARTS, PARTS_BEHIND_THE_WORD, explain_part


@dataclass(frozen=True)
class StepWord:
    """What all processes know of a step when nothing but gradients has changed.

    loss: the sum over all processes. gradient_norm: before clipping.
    out_of_memory: how many processes had no memory for their micro-batches.
    flags: how many processes raise each.
    """

    loss: float
    gradient_norm: float
    out_of_memory: float
    flags: list[float]


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
        self._failed: str | None = None  # the first part of a step that this process had no memory for

    @property
    def is_alone(self) -> bool:
        """Whether there are no other processes."""
        return self._accelerator.num_processes == 1

    def exchange(
        self,
        step: int,
        loss: torch.Tensor,
        gradient_norm: torch.Tensor,
        *,
        out_of_memory: bool,
        flags: Sequence[bool],
    ) -> StepWord:
        """The word of a step: all that the CPU has to know of it, read from the device at once.

        Args:
            loss: this process's, a scalar. gradient_norm: of the summed gradients, the same on all processes.

        Raises:
            TrainingError: a process had no memory for a part of this step, or for one behind the word of the last.
        """
        word = self._add_up(loss, [out_of_memory, *flags])
        # In one piece: what is read apart is waited for apart.
        total, lacking, *counts, norm = torch.cat([word, gradient_norm.to(word).reshape(1)]).tolist()
        self._check_parts(step, counts[len(flags) :], is_word_of_step=True)
        return StepWord(total, norm, lacking, counts[: len(flags)])

    def meet(self, step: int, flags: Sequence[bool] = ()) -> list[float]:
        """Where processes learn what became of the others behind a step: how many of them raise each flag.

        It comes before whatever takes all of them and cannot be broken off: a validation, a checkpoint.

        Raises:
            TrainingError: a process had no memory for a part of the step.
        """
        if self.is_alone:  # it knows, and needs no device to tell it
            return [float(flag) for flag in flags]
        nothing = torch.zeros((), dtype=torch.float64, device=self._accelerator.device)
        _, *counts = self._add_up(nothing, flags).tolist()
        self._check_parts(step, counts[len(flags) :], is_word_of_step=False)
        return counts[: len(flags)]

    def _add_up(self, loss: torch.Tensor, flags: Sequence[bool]) -> torch.Tensor:
        """The sums over all processes of a loss, of the flags, and of the parts that one has failed in, float64."""
        raised = [*flags, *(part == self._failed for part in PARTS)]
        mine = torch.zeros(1 + len(raised), dtype=torch.float64, device=self._accelerator.device)
        mine[0] = loss
        for place, is_raised in enumerate(raised, 1):
            if is_raised:
                mine[place].fill_(1)  # on the device, where a list of all would be copied to it
        return self._accelerator.reduce(mine, "sum")

    def _check_parts(self, step: int, counts: Sequence[float], *, is_word_of_step: bool) -> None:
        for part, processes in zip(PARTS, counts, strict=True):
            if processes:
                is_of_last = is_word_of_step and part in PARTS_BEHIND_THE_WORD
                self.end_without_memory(explain_part(step - is_of_last, part))

    @contextmanager
    def ending_together(self, step: int, part: str) -> Iterator[None]:
        """Ends the run on all processes where memory runs out in the block, a part of a step behind its micro-batches.

        Nothing is done again: gradients, and on other processes weights, may have changed. A process of several takes
        part in whatever the others do until they exchange a word the next time, and all end there. So a step in which
        nothing happens needs no further word.

        Raises:
            TrainingError: memory ran out, and the others cannot be told or there are none.
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
            if self.is_alone:
                self.end_without_memory(told)
            self._failed = self._failed or part

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
        scaler = self._accelerator.scaler
        if scaler is not None:  # of fp16: the next gradients are to be unscaled again, from the same scale
            scaler.scale(torch.zeros((), device=self._accelerator.device))  # before the first loss it has none
            scaler.update(scaler.get_scale())
        # torch keeps freed memory in pieces of the old sizes, into which the smaller batches need not fit.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

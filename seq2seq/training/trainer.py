"""The training loop: steps of data in, updates, logged lines, validations and checkpoints out.

Knows nothing of files, texts or plans: what to validate with and how to save it is handed in.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NoReturn

import torch
from accelerate import Accelerator

from ..data.loader import Step, StepLoader
from ..errors import TrainingError
from ..modeling.token_loss import TokenLossModel
from ..randomness import seed_torch
from ..reports.console import ProgressBar, show_progress
from .freezing import Freezing, wrap_anew
from .optimizers import set_learning_rates
from .options import TrainingOptions
from .sharding import gather_tensor, hold_gradients
from .state import TrainingState
from .validation import is_better


@dataclass(frozen=True)
class Callbacks:
    """What the loop calls, on every process.

    validate: the validation metrics of the model as it is, or None where nothing is to be validated.
    save: writes a checkpoint of the state, and records it as the best where told so.
    log: takes one event of progress.jsonl.
    """

    validate: Callable[[], dict[str, float]] | None
    save: Callable[[TrainingState, bool], None]
    log: Callable[[dict], None]


class Trainer:
    """Trains a model to a number of steps, from any state."""

    def __init__(
        self,
        *,
        model: TokenLossModel,
        optimizer: torch.optim.Optimizer,
        loader: StepLoader,
        accelerator: Accelerator,
        options: TrainingOptions,
        max_steps: int,
        seed: int,
        state: TrainingState,
        callbacks: Callbacks,
        freezing: Freezing,
    ) -> None:
        """`model` and `optimizer` are the accelerator's prepared ones, `freezing` has begun with the next step."""
        self.model, self.optimizer, self.loader, self.accelerator = model, optimizer, loader, accelerator
        self.options, self.max_steps, self.seed, self.state = options, max_steps, seed, state
        self.callbacks, self.freezing = callbacks, freezing

    def train(self) -> None:
        """Runs to the last step.

        Raises:
            TrainingError: loss, gradient or a validation is not finite.
        """
        state = self.state
        steps = self.loader.steps(state.epoch, state.used_batches)
        visible = self.accelerator.is_main_process
        with show_progress("training", self.max_steps, done=state.step, visible=visible) as bar:
            self.model.train()
            while state.step < self.max_steps:
                self._run_step(steps, bar)
        self.callbacks.log({"event": "end", "reason": "max_steps", **state.counters()})

    def _run_step(self, steps: Iterator[Step], bar: ProgressBar) -> None:
        started = time.perf_counter()
        step = next(steps)
        number = self.state.step + 1
        self._thaw(number)
        rates = set_learning_rates(
            self.optimizer, schedule=self.options.schedule, step=number, max_steps=self.max_steps
        )
        loss, gradient_norm = self._update(step, number)
        self._count(step, loss, time.perf_counter() - started)
        bar.advance()
        if number % self.options.log_every_steps == 0 or number == self.max_steps:
            self._log_window(gradient_norm, rates, bar)
        self._validate_and_save(bar)

    def _thaw(self, number: int) -> None:
        """Begins to train the parts that were frozen until this step."""
        if self.freezing.thaw(number):
            self.model = wrap_anew(self.model, self.accelerator)
            gc.collect()  # the old wrapper, which keeps a copy of all gradients, is in a circle of references

    def _update(self, step: Step, number: int) -> tuple[float, float]:
        """One optimizer update; returns the summed loss of all processes and the gradient norm before clipping."""
        loss = torch.zeros((), dtype=torch.float64, device=self.accelerator.device)
        last = len(step.micro_batches) - 1
        for index, micro_batch in enumerate(step.micro_batches):
            # Gradients are synchronised once, with the last micro-batch.
            with nullcontext() if index == last else hold_gradients(self.model, self.accelerator):
                loss += self._backward(micro_batch, step.target_tokens, (number, self.accelerator.process_index, index))
        gradient_norm = self._clip()
        loss = self.accelerator.reduce(loss, "sum").item()
        if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
            found = f"the loss is {loss / step.target_tokens} and the gradient norm {gradient_norm}"
            self._stop_not_finite(f"Step {number}: {found}; this step changed no weight.")
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss, gradient_norm

    def _stop_not_finite(self, found: str) -> NoReturn:
        self.callbacks.log({"event": "end", "reason": "not_finite", **self.state.counters()})
        raise TrainingError(
            f"{found} Resuming would repeat it: begin a run in another output with a lower training.learning_rate or "
            "more training.warmup_steps. If this is the first step, look for broken weights in model.encoder."
        )

    def _backward(self, micro_batch: dict[str, torch.Tensor], target_tokens: int, place: tuple) -> torch.Tensor:
        seed_torch(self.seed, "dropout", *place)
        inputs = {name: tensor.to(self.accelerator.device, non_blocking=True) for name, tensor in micro_batch.items()}
        losses = self.model(**inputs, label_smoothing=self.options.label_smoothing)
        # Processes average their gradients, so the sum over all of them needs the factor back.
        scale = self.accelerator.num_processes / target_tokens
        self.accelerator.backward(losses.objective * scale)
        return losses.negative_log_likelihood.double()

    def _clip(self) -> float:
        limit = self.options.max_gradient_norm
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), math.inf if limit is None else limit)
        return gather_tensor(norm).item()

    def _count(self, step: Step, loss: float, seconds: float) -> None:
        state = self.state
        state.step += 1
        state.epoch, state.used_batches = step.position
        state.examples += step.examples
        state.source_tokens += step.source_tokens
        state.target_tokens += step.target_tokens
        state.seconds += seconds
        state.window_loss += loss
        state.window_tokens += step.target_tokens

    def _log_window(self, gradient_norm: float, rates: dict[str, float], bar: ProgressBar) -> None:
        state = self.state
        loss = state.window_loss / state.window_tokens
        state.window_loss, state.window_tokens = 0.0, 0
        figures = {"loss": loss, "gradient_norm": gradient_norm, "learning_rate": max(rates.values())}
        if len(set(rates.values())) > 1:
            figures["learning_rates"] = rates
        self.callbacks.log({"event": "train", **figures, **state.counters()})
        rate = (state.source_tokens + state.target_tokens) / max(state.seconds, 1e-9)
        bar.note(f"loss {loss:.4f}  {rate:,.0f} tokens/s")

    def _validate_and_save(self, bar: ProgressBar) -> None:
        state, options = self.state, self.options
        finished = state.step == self.max_steps
        best = False
        if self.callbacks.validate is not None and (finished or state.step % options.validate_every_steps == 0):
            values = self.callbacks.validate()
            if not all(map(math.isfinite, values.values())):
                self._stop_not_finite(f"Validation at step {state.step}: {values}.")
            self.callbacks.log({"event": "validation", **values, **state.counters()})
            metric = options.validation_metrics[0]
            best = is_better(metric, values[metric], state.best_value)
            if best:
                state.best_step, state.best_value = state.step, values[metric]
            bar.note("validation " + "  ".join(f"{name} {value:.4g}" for name, value in values.items()))
        if best or finished or state.step % options.checkpoint_every_steps == 0:
            self.callbacks.save(state, best)
            self.callbacks.log({"event": "checkpoint", **state.counters()})

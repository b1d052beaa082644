"""The training loop: steps of data in, updates, logged lines, validations and checkpoints out.

Knows nothing of files, texts or plans: what to validate with and how to save it is handed in.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import torch
from accelerate import Accelerator
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from ..base.console import ProgressBar, errors, show_progress
from ..base.errors import TrainingError
from ..base.memory import is_out_of_memory
from ..base.randomness import seed_torch
from ..data.collation import move_batch
from ..data.loader import Step, StepLoader, StepsAhead
from ..modeling.token_loss import TokenLossModel
from ..reports.validation_samples import ValidationSample
from .agreement import Agreement, StepWord
from .cast_weights import build_cast_weights
from .contention import EVENT, watch_threads
from .diagnosis import format_not_finite
from .early_stopping import count_validation, find_end, format_end
from .ema import WeightAverages
from .freezing import Freezing
from .objectives.objective import Objective
from .optimizers import set_learning_rates
from .options import TrainingOptions
from .out_of_memory import explain_sharded, explain_single_pair, explain_validation
from .replicas import SumInterrupted, answer_sums, sum_gradients
from .rescue import RescueClock
from .sharding import gather_tensor, hold_gradients, is_sharded
from .signals import STOP_SIGNALS, StopRequest, notice_stop_signals
from .speed import Speedometer
from .state import TrainingState
from .tf32 import multiplying_by_tf32
from .validation import is_better


@dataclass(frozen=True)
class Callbacks:
    """What the loop calls, on every process.

    validate: the validation metrics of the model as it is, or None where nothing is to be validated.
    save: writes a checkpoint of the state, and records it as the best where told so.
    save_rescue: writes a rescue point of the state.
    log: takes one event of progress.jsonl.
    list_samples: what the last validation shows of the model's outputs, on the main process.
    """

    validate: Callable[[], dict[str, float]] | None
    save: Callable[[TrainingState, bool], None]
    save_rescue: Callable[[TrainingState], None]
    log: Callable[[dict], None]
    list_samples: Callable[[], Sequence[ValidationSample]] = tuple


class Trainer:
    """Trains a model to a number of steps, from any state."""

    def __init__(
        self,
        *,
        model: TokenLossModel,
        optimizer: torch.optim.Optimizer,
        objective: Objective,
        loader: StepLoader,
        accelerator: Accelerator,
        options: TrainingOptions,
        max_steps: int,
        seed: int,
        state: TrainingState,
        callbacks: Callbacks,
        freezing: Freezing,
        averages: WeightAverages | None = None,
    ) -> None:
        """`optimizer` is the accelerator's prepared one; `averages` follow every update of the model.

        `freezing` has begun with the next step.
        """
        if state.micro_batch_tokens is not None:
            if state.micro_batch_tokens_asked == loader.micro_batch_tokens:
                loader = replace(loader, micro_batch_tokens=state.micro_batch_tokens)
            else:  # the recipe asks for others since
                state.micro_batch_tokens = state.micro_batch_tokens_asked = None
        if state.loss_scaler:
            accelerator.scaler.load_state_dict(state.loss_scaler)
        self.model = model
        self.optimizer = optimizer
        self.objective = objective
        self.loader = loader
        self.accelerator = accelerator
        self.options = options
        self.max_steps = max_steps
        self.seed = seed
        self.state = state
        self.callbacks = callbacks
        self.freezing = freezing
        self.averages = averages
        self._steps = StepsAhead(loader.steps(state.epoch, state.used_batches), accelerator.device)
        self._sharded = is_sharded(model)
        self._cast_weights = None if self._sharded else build_cast_weights(model, options.precision)
        self._agreement = Agreement(accelerator, optimizer, self._log_end, sharded=self._sharded)
        self._request = StopRequest()
        self._stop: str | None = None  # the signal that ends the run, once all processes know of it
        self._is_rescue_due = False  # by the clock of any process, once all of them know
        self._clock = RescueClock(options.checkpoint_every_minutes)
        self._speedometer = Speedometer(state.tokens, state.seconds)
        self._contention = watch_threads(options.threads, accelerator)

    def train(self) -> str:
        """Runs to the last step, to where early stopping ends it, or to the end of the step in which a signal came.

        Several processes hear of a signal in the next step where it comes when they have given their word of this one.

        Returns:
            The reason of the end, as the event `end` names it: max_steps, early_stopping, or the signal's name.

        Raises:
            TrainingError: too many steps in a row, or a validation, were not finite; or memory does not hold one pair.
        """
        state = self.state
        visible = self.accelerator.is_main_process
        with (
            notice_stop_signals(self._request),
            show_progress("training", self.max_steps, done=state.step, visible=visible) as bar,
        ):
            self.model.train()
            while (reason := self._find_end()) is None:
                self._run_step(bar)
                self._validate_and_save(bar)
            if reason == "early_stopping":
                bar.tell(format_end(state, self.options, self.max_steps))
        self._log_end(reason)
        return reason

    def _log_end(self, reason: str) -> None:
        self.callbacks.log({"event": "end", "reason": reason, **self.state.counters()})

    def _find_end(self) -> str | None:
        # The signal first: whoever sent it in the last step does not wait for the scores either.
        return self._stop or find_end(self.state, self.options, self.max_steps)

    def _run_step(self, bar: ProgressBar) -> None:
        started = time.perf_counter()
        step = self._steps.take()
        number = self.state.step + 1
        self.freezing.thaw(number)
        rates = set_learning_rates(
            self.optimizer, schedule=self.options.schedule, step=number, max_steps=self.max_steps
        )
        with multiplying_by_tf32(self.options.tf32):
            loss, gradient_norm = self.update(step, number)
        seconds = time.perf_counter() - started
        self._count(step, loss, seconds)
        self._leave_lost_cores(step.source_tokens + step.target_tokens, seconds)
        bar.advance()
        if number % self.options.log_every_steps == 0 or number == self.max_steps:
            self._log_window(gradient_norm, rates, bar)

    def update(self, step: Step, number: int) -> tuple[float | None, float | None]:
        """One optimizer update: the summed loss of all processes and the gradient norm before clipping.

        Both are None where one of them was not finite and the step was skipped.
        """
        while True:
            norm, word = self._compute_gradients(step, number)
            if not word.out_of_memory:
                break
            step = self._halve_micro_batches(step)
        self._hear(word.flags)
        if not (math.isfinite(word.loss) and math.isfinite(word.gradient_norm)):
            self._skip(step, number, word.loss, word.gradient_norm)
            return None, None
        self._apply_gradients(number, norm)
        self.state.skipped_in_a_row = 0
        return word.loss, word.gradient_norm

    def _compute_gradients(self, step: Step, number: int) -> tuple[torch.Tensor, StepWord]:
        """The summed gradients of a step, their norm on the device, and what all processes know of it.

        There are none where memory ran out on a process: the step can be computed once more.
        """
        loss, out_of_memory = self._accumulate(step, number)
        norm = torch.zeros((), device=self.accelerator.device)
        if out_of_memory:
            answer_sums(self.model.parameters())
        else:
            # torch has summed those of a sharded model on the way back already.
            if not self._sharded:
                with self._agreement.ending_together(number, "sum"):
                    self._sum_gradients()
            with self._agreement.ending_together(number, "norm"):
                norm = self._compute_gradient_norm()
            # While a GPU computes what it was told: the exchange waits for it.
            if number < self.max_steps:
                self._steps.prepare()
        word = self._agreement.exchange(
            number,
            loss,
            gather_tensor(norm),
            out_of_memory=out_of_memory,
            flags=self._list_flags(),
        )
        if word.out_of_memory:
            self._agreement.drop_gradients()  # memory may have run out on another process alone
        return norm, word

    def _apply_gradients(self, number: int, norm: torch.Tensor) -> None:
        """Clips them, updates weights and averages, and frees them; the device is not waited for."""
        if self.options.max_gradient_norm is not None:
            with self._agreement.ending_together(number, "clipping"):
                # By the norm that is known already, as torch's clip_grad_norm_ would compute it once more.
                clip_grads_with_norm_(self.model.parameters(), self.options.max_gradient_norm, norm)
        with self._agreement.ending_together(number, "update"):
            self.optimizer.step()
        if self.averages is not None:
            with self._agreement.ending_together(number, "averages"):
                self.averages.update(number)
        self.optimizer.zero_grad(set_to_none=True)

    def _accumulate(self, step: Step, number: int) -> tuple[torch.Tensor, bool]:
        """The gradients and the summed loss of this process's share, and whether memory ran out instead."""
        # In float64, so that the logged loss hardly depends on how the batch was cut.
        loss = torch.zeros((), dtype=torch.float64, device=self.accelerator.device)
        last = len(step.micro_batches) - 1
        try:
            if self._cast_weights is not None:
                self._cast_weights.refresh()
            for index, micro_batch in enumerate(step.micro_batches):
                # Sharded gradients are summed once, with the last micro-batch.
                with nullcontext() if index == last else hold_gradients(self.model):
                    dropout_key = (number, self.accelerator.process_index, index)
                    loss += self._backward(micro_batch, step.target_tokens, dropout_key)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self._sharded:
                self._agreement.end_alone(explain_sharded(number, self.loader.micro_batch_tokens))
        else:
            return loss, False
        self._agreement.drop_gradients()
        return loss, True

    def _sum_gradients(self) -> None:
        try:
            sum_gradients(self.model.parameters())
        except (RuntimeError, MemoryError) as error:
            # Before the first of the sums, in which the other processes wait for this one.
            if is_out_of_memory(error) and not isinstance(error, SumInterrupted):
                answer_sums(self.model.parameters())
            raise

    def _backward(self, micro_batch: dict[str, torch.Tensor], target_tokens: int, dropout_key: tuple) -> torch.Tensor:
        seed_torch(self.seed, "dropout", *dropout_key)
        inputs = move_batch(micro_batch, self.accelerator.device)
        # Sharded gradients are averaged over the processes, so the sum over all of them needs the factor back.
        scale = (self.accelerator.num_processes if self._sharded else 1) / target_tokens
        with nullcontext() if self._cast_weights is None else self._cast_weights.applied():
            with self.accelerator.autocast():
                losses = self.objective.compute_sums(self.model, inputs)
            self.accelerator.backward(losses.objective * scale)
        return losses.negative_log_likelihood.double()

    def _halve_micro_batches(self, step: Step) -> Step:
        smaller = self.loader.halve(step)
        if smaller is None:
            self._agreement.end_without_memory(explain_single_pair(self.state.step + 1))
        state = self.state
        if state.micro_batch_tokens is None:
            state.micro_batch_tokens_asked = self.loader.micro_batch_tokens
        self.loader, state.micro_batch_tokens = smaller, smaller.micro_batch_tokens
        self._steps = StepsAhead(smaller.steps(*step.position), self.accelerator.device)
        tokens = {"micro_batch_tokens": smaller.micro_batch_tokens}
        self.callbacks.log({"event": "out_of_memory", **tokens, **state.counters(), "step": state.step + 1})
        if self.accelerator.is_main_process:
            errors().print(
                f"Step {self.state.step + 1}: memory ran out. From here on micro-batches of several pairs have at "
                f"most {smaller.micro_batch_tokens} tokens; set training.micro_batch_tokens to spare the next run this."
            )
        return smaller.cut_again(step)

    def _compute_gradient_norm(self) -> torch.Tensor:
        """Before clipping, which would spread what is not finite over all gradients."""
        self.accelerator.unscale_gradients()
        return get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])

    def _skip(self, step: Step, number: int, loss: float, gradient_norm: float) -> None:
        """Leaves out the update of a step; too many in a row end the run."""
        state = self.state
        state.skipped_steps += 1
        state.skipped_in_a_row += 1
        found = f"the loss is {loss / step.target_tokens} and the gradient norm {gradient_norm}"
        if state.skipped_in_a_row > self.options.max_skipped_steps:
            times = f" in {state.skipped_in_a_row} steps in a row" if state.skipped_in_a_row > 1 else ""
            where = format_not_finite(self.model)
            self._stop_not_finite(f"Step {number}: {found}, not finite{times}; they changed no weight. {where}")
        self.optimizer.zero_grad(set_to_none=True)
        # It lowers the scale: of float16 gradients too large a scale is the usual reason.
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.update()
        self.callbacks.log(
            {
                "event": "skipped",
                "found": found,
                "skipped_steps": state.skipped_steps,
                **state.counters(),
                "step": number,
            }
        )

    def _stop_not_finite(self, reason: str) -> NoReturn:
        self._log_end("not_finite")
        raise TrainingError(
            f"{reason} Resuming would repeat it: begin a run in another output with a lower training.learning_rate or "
            "more training.warmup_steps. If this is the first step, look for broken weights in model.encoder."
        )

    def _count(self, step: Step, loss: float | None, seconds: float) -> None:
        state = self.state
        state.step += 1
        state.epoch, state.used_batches = step.position
        state.examples += step.examples
        state.source_tokens += step.source_tokens
        state.target_tokens += step.target_tokens
        state.seconds += seconds
        if loss is not None:
            state.window_loss += loss
            state.window_tokens += step.target_tokens

    def _leave_lost_cores(self, tokens: int, seconds: float) -> None:
        threads = None if self._contention is None else self._contention.count_step(tokens, seconds)
        if threads is None:
            return
        torch.set_num_threads(threads)
        self.callbacks.log({"event": EVENT, "threads": threads, **self.state.counters()})
        errors().print(
            f"Step {self.state.step}: others have come to use this machine. From here on the run computes with "
            f"{threads} of its threads, as many as have a core of their own; training.threads sets a number that stays."
        )

    def _log_window(self, gradient_norm: float | None, rates: dict[str, float], bar: ProgressBar) -> None:
        state = self.state
        if not state.window_tokens:  # every step of it was skipped
            return
        loss = state.window_loss / state.window_tokens
        state.window_loss, state.window_tokens = 0.0, 0
        figures: dict[str, Any] = {"loss": loss, "gradient_norm": gradient_norm, "learning_rate": max(rates.values())}
        if len(set(rates.values())) > 1:
            figures["learning_rates"] = rates
        self.callbacks.log({"event": "train", **figures, **state.counters()})
        rate = self._speedometer.measure(state.tokens, state.seconds)
        bar.note(f"loss {loss:.4f}  {rate:,.0f} tokens/s")
        warning = self._speedometer.find_warning(rate)
        if warning is not None and self.accelerator.is_main_process:
            errors().print(warning)

    def _validate_and_save(self, bar: ProgressBar) -> None:
        state, options = self.state, self.options
        finished = state.step == self.max_steps
        best = False
        if self.callbacks.validate is not None and (finished or state.step % options.validate_every_steps == 0):
            self._agreement.meet(state.step)  # whoever ended within the step would not come to the validation
            values = self._validate(self.callbacks.validate)
            if not all(map(math.isfinite, values.values())):
                self._stop_not_finite(f"Validation at step {state.step}: {values}.")
            self._tell_validation(values, bar)
            metric = options.validation_metrics[0]
            best = is_better(metric, values[metric], state.best_value)
            if best:
                state.best_step, state.best_value = state.step, values[metric]
            count_validation(state, values[metric], options)
        is_planned = best or state.step % options.checkpoint_every_steps == 0
        # Before saving, which every process takes part in, or none; one alone knows at any time what it is asked for.
        if self._agreement.is_alone or is_planned or self._find_end() or self._is_rescue_due:
            self._hear(self._agreement.meet(state.step, self._list_flags()))
        if is_planned or self._find_end():
            self._save(best)
        elif self._is_rescue_due:
            self._save_rescue()

    def _validate(self, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        try:
            return measure()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._agreement.end_without_memory(explain_validation(self.state.step))

    def _tell_validation(self, values: dict[str, float], bar: ProgressBar) -> None:
        samples = self.callbacks.list_samples()
        event: dict[str, Any] = {"event": "validation", **values}
        if samples:
            event["samples"] = [sample.to_row() for sample in samples]
        self.callbacks.log({**event, **self.state.counters()})
        bar.tell("validation " + "  ".join(f"{name} {value:.4g}" for name, value in values.items()))
        for sample in samples:
            for line in sample.format_lines():
                bar.print(line)

    def _list_flags(self) -> list[bool]:
        """What this process raises: whether it finds a rescue point due, and for each stop signal whether it came."""
        return [self._clock.is_due(), *(self._request.signal is signal for signal in STOP_SIGNALS)]

    def _hear(self, counts: Sequence[float]) -> None:
        """Takes how many processes raise each flag."""
        due, *came = counts
        self._is_rescue_due = bool(due)
        self._stop = next((signal.name for signal, count in zip(STOP_SIGNALS, came, strict=True) if count), None)

    def _save(self, best: bool) -> None:
        self._note_loss_scaler()
        self.callbacks.save(self.state, best)
        self.callbacks.log({"event": "checkpoint", **self.state.counters()})
        self._clock.restart()

    def _save_rescue(self) -> None:
        # Without an event: the clock, not the recipe, says where one is, and the same run has the same events.
        self._note_loss_scaler()
        self.callbacks.save_rescue(self.state)
        self._clock.restart()

    def _note_loss_scaler(self) -> None:
        if self.accelerator.scaler is not None:
            self.state.loss_scaler = self.accelerator.scaler.state_dict()

"""What a run will take: steps and epochs from the lengths alone, memory by arithmetic, time from a few real updates."""

import math
import time
from collections.abc import Sequence
from itertools import islice

import numpy
import torch

from ...data.batching import cut_micro_batches
from ...data.collation import collate
from ...data.encoding import EncodedExamples
from ...data.lengths import summarize_lengths
from ...data.loader import StepLoader
from ...data.survey import space_evenly
from ...engines.memory import choose_batch_tokens
from ...engines.transformers import TransformersEngine
from ...modeling.sharing import list_trained
from ...modeling.token_loss import TokenLossModel
from ...runs.run import Run
from ...runs.splits import TextData
from ...training.execution import run_uncompiled
from ...training.sharding import gather_model
from ...training.timing import UpdateTimes, count_busiest_tokens, time_updates
from ...training.trainer import Callbacks, Trainer
from ...training.validation import compute_validation_loss
from .figures import Memory, Schedule, TimeEstimate

BATCHES_LOOKED_AT = 200  # the first ones of the first epoch, whose order is random
TIMED_BATCHES = 12
UPDATES_LIMIT_SECONDS = 15.0
VALIDATION_LIMIT_SECONDS = 3.0
FORWARD_SHARE = 1 / 3  # of the work of an update is the way forward, roughly; it only sizes what is then timed
TIMED_OUTPUT_TOKENS = (2, 10)  # outputs of these lengths are timed, and a line is drawn through both
FIRST_SOURCES = 4  # are generated for first, then more until a batch is whole or takes too long
GROWTH = 4  # times the sources take at most four times as long, and often far less
FLOAT_BYTES = 4
ADAM_AVERAGES = 2


def look_at_batches(trainer: Trainer) -> list[numpy.ndarray]:
    """The batches that schedule and time are worked out from; a whole epoch is shuffled for them."""
    batches = trainer.loader.order.batches(0)
    return list(islice(batches, BATCHES_LOOKED_AT))


def plan_schedule(trainer: Trainer, batches: Sequence[numpy.ndarray]) -> Schedule:
    """Steps, epochs and what a step holds, in the mean of some batches."""
    loader = trainer.loader
    count = len(batches)
    micro_batches = _list_micro_batches(loader, batches)
    padded = sum(map(loader.count_padded_tokens, micro_batches))
    source_tokens = _count_tokens(loader.examples.sources.lengths, batches)
    target_tokens = _count_tokens(loader.examples.labels.lengths, batches)
    steps_per_epoch = loader.order.count_batches(0)
    return Schedule(
        steps=trainer.max_steps,
        steps_per_epoch=steps_per_epoch,
        epochs=trainer.max_steps / steps_per_epoch,
        examples=sum(map(len, batches)) / count,
        source_tokens=source_tokens / count,
        target_tokens=target_tokens / count,
        micro_batches=len(micro_batches) / count / loader.processes,
        padded_tokens=padded / count / loader.processes,
        padding_efficiency=(source_tokens + target_tokens) / padded,
        processes=loader.processes,
        batches_looked_at=count,
    )


def _list_micro_batches(loader: StepLoader, batches: Sequence[numpy.ndarray]) -> list[numpy.ndarray]:
    """Those of all processes; a process that has fewer than the others is filled up with empty ones, which are none."""
    micro_batches = []
    for batch in batches:
        for of_process in loader.cut(batch):
            micro_batches += [micro_batch for micro_batch in of_process if len(micro_batch)]
    return micro_batches


def _count_tokens(lengths: numpy.ndarray, batches: Sequence[numpy.ndarray]) -> int:
    counts = [int(lengths[batch].sum()) for batch in batches]
    return sum(counts)


def estimate_memory(run: Run) -> Memory:
    """What weights, gradients, AdamW's averages and the recipe's own take, all in float32."""
    model = run.start.model
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in list_trained(model).values())
    trained_bytes = FLOAT_BYTES * trained
    return Memory(
        parameters=parameters,
        trained_parameters=trained,
        parameter_bytes=FLOAT_BYTES * parameters,
        gradient_bytes=trained_bytes,
        optimizer_bytes=ADAM_AVERAGES * trained_bytes,
        average_bytes=trained_bytes if run.recipe.training.ema_decay is not None else 0,
    )


def estimate_time(
    run: Run,
    trainer: Trainer,
    schedule: Schedule,
    batches: Sequence[numpy.ndarray],
) -> TimeEstimate:
    """Times some updates, a piece of a validation and some outputs; the run is of no use afterwards.

    `batches` are those that the schedule was planned from.

    Raises:
        TrainingError: memory does not hold a single pair.
    """
    # Nothing is to be validated, saved or logged on the way.
    trainer.callbacks = Callbacks(None, lambda state, best: None, lambda state: None, lambda event: None)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with run_uncompiled(run.recipe.training.compile):  # compiling takes minutes
        chosen = _choose_batches(trainer, batches)
        times = time_updates(trainer, chosen, limit_seconds=UPDATES_LIMIT_SECONDS)
        peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
        model = gather_model(run.start.model, run.accelerator.device)
        validations = _count_validations(run, trainer.max_steps)
        validation = run.data.validation
        validation_seconds = _estimate_validation(run, validation, model, times) if validation else 0.0
        test_seconds = _estimate_generation(run, model, run.data.test, None) if run.data.test else 0.0
    seconds_per_step = times.predict(_measure_step(trainer, batches))
    return TimeEstimate(
        device=_format_device(),
        processes=schedule.processes,
        updates=len(times.updates),
        largest_update_tokens=max(update.padded_tokens for update in times.updates),
        seconds_per_step=seconds_per_step,
        training_seconds=seconds_per_step * trainer.max_steps,
        validations=validations,
        validation_seconds=validation_seconds,
        test_seconds=test_seconds,
        peak_bytes=peak,
    )


def _format_device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"


def _choose_batches(trainer: Trainer, batches: Sequence[numpy.ndarray]) -> list[numpy.ndarray]:
    """Batches of all sizes among those looked at, in an order of which every beginning is mixed."""
    loader = trainer.loader
    ranked = sorted(batches, key=lambda batch: count_busiest_tokens(loader, batch))
    # Evenly spaced ones would begin with the very smallest: half a space further each stands for those around it.
    middle = len(ranked) // (2 * TIMED_BATCHES)
    chosen = [ranked[index + middle] for index in space_evenly(len(ranked), TIMED_BATCHES)]
    # Three times every third, each time small to large: time may run out after any of them.
    return [*chosen[2::3], *chosen[1::3], *chosen[0::3]]


def _measure_step(trainer: Trainer, batches: Sequence[numpy.ndarray]) -> float:
    """Padded tokens of the busiest process in a step, in the mean."""
    tokens = [count_busiest_tokens(trainer.loader, batch) for batch in batches]
    return float(numpy.mean(tokens))


def _count_validations(run: Run, max_steps: int) -> int:
    """One each time that the recipe asks for, and one at the end."""
    if not run.data.validation:
        return 0
    return math.ceil(max_steps / run.recipe.training.validate_every_steps)


def _estimate_validation(run: Run, data: TextData, model: TokenLossModel, times: UpdateTimes) -> float:
    options = run.recipe.training
    metrics = set(options.validation_metrics)
    seconds = 0.0
    if "loss" in metrics:
        seconds += _estimate_loss(run, data, model, times)
    if metrics != {"loss"}:
        seconds += _estimate_generation(
            run,
            model,
            data,
            options.validation_texts,
        )
    return seconds


def _estimate_loss(run: Run, data: TextData, model: TokenLossModel, times: UpdateTimes) -> float:
    """Seconds of the loss on the whole validation data, from evenly spaced rows of it."""
    encoded = data.encoded
    tokens = encoded.sources.lengths + encoded.labels.lengths
    a_row = times.seconds_per_token * FORWARD_SHARE * float(tokens.mean())
    rows = space_evenly(len(encoded), max(1, int(VALIDATION_LIMIT_SECONDS / a_row)))
    # As one process alone would cut them; the time is shared out below.
    (cuts,) = cut_micro_batches(
        rows,
        encoded.sources.lengths,
        encoded.labels.lengths,
        micro_batch_tokens=run.recipe.training.micro_batch_tokens,
    )
    begun = time.perf_counter()
    # Put together while the clock runs, as in a validation.
    micro_batches = (collate(encoded, cut, run.source.collate) for cut in cuts)
    compute_validation_loss(model, micro_batches, run.accelerator)
    seconds = time.perf_counter() - begun
    share = int(tokens[rows].sum()) / int(tokens.sum())
    return seconds / share / run.accelerator.num_processes


def _estimate_generation(
    run: Run,
    model: TokenLossModel,
    data: TextData,
    texts: int | None,
) -> float:
    """Seconds to write outputs for the first `texts` rows, each batch as long as all but the longest 5% of targets."""
    options = run.recipe.generation
    encoded = data.encoded
    count = min(len(encoded), texts or len(encoded))
    longest = int(encoded.sources.lengths.max()) + options.max_target_tokens
    # A batch is counted as beams x examples x tokens.
    whole_batch = max(1, choose_batch_tokens(model, options) // (options.num_beams * longest))
    lengths = sorted({min(tokens, options.max_target_tokens) for tokens in TIMED_OUTPUT_TOKENS})
    wanted = min(FIRST_SOURCES, whole_batch)
    while True:
        rows = space_evenly(count, wanted)
        seconds = [_time_outputs(run, model, encoded, rows, tokens) for tokens in lengths]
        too_long = GROWTH * sum(seconds) > VALIDATION_LIMIT_SECONDS
        if too_long or wanted >= min(whole_batch, count):
            break
        wanted = min(GROWTH * wanted, whole_batch)
    needed = summarize_lengths(encoded.labels.lengths, 0).percentiles["95"]
    a_batch = _extend_line(lengths, seconds, min(needed, options.max_target_tokens))
    return a_batch * count / len(rows) / run.accelerator.num_processes


def _extend_line(
    lengths: Sequence[int],
    seconds: Sequence[float],
    tokens: int,
) -> float:
    """Seconds of outputs of a number of tokens, by the line through the shortest and the longest that were timed.

    The line never falls, and never goes back before the longest.
    """
    shortest = lengths[0]
    longest = lengths[-1]
    slope = 0.0
    if shortest < longest:
        rise = seconds[-1] - seconds[0]
        slope = max(0.0, rise / (longest - shortest))
    further = max(0, tokens - longest)
    return seconds[-1] + slope * further


def _time_outputs(
    run: Run,
    model: TokenLossModel,
    encoded: EncodedExamples,
    rows: numpy.ndarray,
    tokens: int,
) -> float:
    """Seconds to write outputs of exactly this number of tokens, whatever the untrained model would rather write."""
    exactly = {"max_target_tokens": tokens, "min_target_tokens": tokens}
    options = run.recipe.generation.model_copy(update=exactly)
    sources = [encoded.sources[row] for row in rows]
    begun = time.perf_counter()
    TransformersEngine(model, source=run.source).generate(sources, options)
    return time.perf_counter() - begun

"""The loss on held-out data: the mean over its target tokens, unsmoothed, without dropout, over all processes."""

from collections.abc import Iterable

import torch
from accelerate import Accelerator

from ..base.memory import is_out_of_memory
from ..data.collation import move_batch
from ..metrics.table import find_metric
from ..modeling.token_loss import IGNORED_LABEL, TokenLossModel, evaluating


def is_better(metric: str, value: float, best: float | None, *, by: float = 0.0) -> bool:
    """Whether a validation value beats the best so far by more than `by`; an equal one does not.

    Of ratios that should be one, the nearer is the better, above or below.
    """
    if best is None:
        return True
    better = "lower" if metric == "loss" else find_metric(metric).better
    if better == "near_one":
        return abs(value - 1) < abs(best - 1) - by
    return value < best - by if better == "lower" else value > best + by


@torch.no_grad()
def compute_validation_loss(
    model: TokenLossModel, micro_batches: Iterable[dict[str, torch.Tensor]], accelerator: Accelerator
) -> float:
    """Mean negative log-likelihood of the target tokens, in nats.

    Raises:
        MemoryError: on every process, where memory ran out on one.
    """
    # Of losses, of tokens, and of processes without memory; float32 counts no single tokens beyond 16.8 million. On the
    # device, which is waited for once, at the end.
    sums = torch.zeros(3, dtype=torch.float64, device=accelerator.device)
    try:
        with evaluating(model):
            for micro_batch in micro_batches:
                inputs = move_batch(micro_batch, accelerator.device)
                with accelerator.autocast():
                    sums[0] += model(**inputs).negative_log_likelihood.double()
                sums[1] += int(micro_batch["labels"].ne(IGNORED_LABEL).sum())
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        sums[2].fill_(1)
    total, tokens, without_memory = accelerator.reduce(sums, "sum").tolist()
    if without_memory:
        raise MemoryError("memory ran out in a batch of the validation")
    return total / tokens


def compute_source_gain(
    model: TokenLossModel,
    micro_batches: Iterable[dict[str, torch.Tensor]],
    exchanged: Iterable[dict[str, torch.Tensor]],
    accelerator: Accelerator,
) -> float:
    """What the sources are worth: by how many nats a target token the loss rises with other pairs' in their place.

    About zero where a model has not learned to read its sources, whatever its loss.
    """
    return compute_validation_loss(model, exchanged, accelerator) - compute_validation_loss(
        model, micro_batches, accelerator
    )

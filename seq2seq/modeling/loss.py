"""The loss of target tokens: a sum, so that any split of a batch adds up to the same number.

The gradient of a sum needs no second look at the logits: it is worked out with the loss, in the memory of the logits,
and where the output layer is known for no more tokens at once than `CHUNK_BYTES` holds.

Shapes: N real target tokens, H width, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

CACHE_BYTES = 2**20  # of float32 logits that a processor works on at once
CHUNK_BYTES = 2**28  # of float32 logits held at once: 2,199 tokens of BERT's vocabulary, 268 of XLM-R's
TILE = 64  # tokens: a GPU's tensor cores multiply blocks; of BERT's 30,522 no block of eight comes out even


class LossSums(NamedTuple):
    """Sums over N target tokens: what is minimised, and the plain negative log-likelihood that is reported."""

    objective: torch.Tensor
    negative_log_likelihood: torch.Tensor


def apply_cross_entropy(
    logits: torch.Tensor,
    labels: torch.Tensor,
    label_smoothing: float = 0.0,
) -> LossSums:
    """Cross-entropy of the right tokens, in float32; logits that are float32 are overwritten.

    With smoothing s the objective is (1 - s) times the loss of the right token plus s times the mean loss over the
    vocabulary (Szegedy et al. 2016, as torch's `cross_entropy` counts it).

    Shape: logits (N, V), labels (N,); both sums are scalars, zero where N is zero.
    """
    objective, likelihood = _CrossEntropy.apply(logits.float(), labels, label_smoothing)
    return LossSums(objective, likelihood)


def compute_linear_cross_entropy(
    states: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    labels: torch.Tensor,
    label_smoothing: float = 0.0,
) -> LossSums:
    """`apply_cross_entropy` of an output layer's logits, without ever holding all of them.

    Under autocast the products are in its type; not for float16, whose gradients must be scaled before they are cast.

    Shape: states (N, H), weight (V, H), bias (V,), labels (N,).
    """
    if not torch.is_grad_enabled():  # a parameter asks for a gradient even then
        weight = weight.detach()
        bias = None if bias is None else bias.detach()
    objective, likelihood = _LinearCrossEntropy.apply(
        states,
        weight,
        bias,
        labels,
        label_smoothing,
    )
    return LossSums(objective, likelihood)


def is_tiled(device: str, dtype: torch.dtype) -> bool:
    """Whether products of a type are by blocks of a GPU's tensor cores: all but those of plain fp32."""
    return device == "cuda" and (dtype != torch.float32 or torch.backends.cuda.matmul.fp32_precision == "tf32")


def _cast_in_tiles(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A tensor (V, ...) in a type, with zeros behind it up to a multiple of `TILE` where products are by blocks.

    It costs nothing where a copy is made in any case, for the type.
    """
    rows = len(tensor)
    if rows % TILE == 0 or not is_tiled(tensor.device.type, dtype):
        return tensor.to(dtype)
    filled = tensor.new_empty((rows + -rows % TILE, *tensor.shape[1:]), dtype=dtype)
    filled[:rows] = tensor
    filled[rows:] = 0
    return filled


class _RowFigures(NamedTuple):
    """Of rows of logits (n, V), each (n,): the right token's, the mean, None without smoothing, and log(sum(exp))."""

    right: torch.Tensor
    mean: torch.Tensor | None
    log_total: torch.Tensor


def _turn_into_gradient(
    logits: torch.Tensor, labels: torch.Tensor, label_smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Overwrites float32 logits (N, V) with the gradient of the objective; returns both sums."""
    return _add_up([_differentiate(logits, labels, label_smoothing)], label_smoothing)


def _differentiate(logits: torch.Tensor, labels: torch.Tensor, label_smoothing: float) -> _RowFigures:
    """Overwrites float32 logits (n, V) with the gradient of the objective."""
    rows = torch.arange(len(labels), device=labels.device)
    # The softmax of a row does not change with a number taken from all of it; with the largest, exp cannot overflow.
    logits -= logits.amax(dim=-1, keepdim=True)
    # Read now: exp overwrites them.
    right = logits[rows, labels]
    mean = logits.mean(dim=-1) if label_smoothing else None
    totals = logits.exp_().sum(dim=-1, keepdim=True)
    # The gradient: the probabilities less the target, which is 1 - s at the right token plus s / V everywhere.
    logits /= totals
    logits[rows, labels] -= 1 - label_smoothing
    if mean is not None:
        logits -= label_smoothing / logits.shape[-1]
    return _RowFigures(right, mean, totals[:, 0].log())


def _add_up(figures: Sequence[_RowFigures], label_smoothing: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The objective and the negative log-likelihood of all rows, which come in blocks."""
    log_totals = _join([block.log_total for block in figures])
    negative_log_likelihood = (log_totals - _join([block.right for block in figures])).sum()
    means = [block.mean for block in figures if block.mean is not None]
    if not means:
        # A copy, as autograd marks one of the two, and not the other, as without gradient.
        return negative_log_likelihood, negative_log_likelihood.clone()
    over_vocabulary = (log_totals - _join(means)).sum()
    objective = (1 - label_smoothing) * negative_log_likelihood + label_smoothing * over_vocabulary
    return objective, negative_log_likelihood


def _list_blocks(logits: torch.Tensor) -> Iterator[slice]:
    """Rows that are worked on at once: on a processor so few that its cache holds their float32 logits."""
    rows = len(logits)
    at_once = max(rows, 1)
    if logits.device.type == "cpu":
        at_once = max(1, CACHE_BYTES // (4 * logits.shape[1]))
    for start in range(0, max(rows, 1), at_once):
        yield slice(start, start + at_once)


def _join(parts: list[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _turn_into_narrow_gradient(
    logits: torch.Tensor,
    labels: torch.Tensor,
    label_smoothing: float,
    bias_gradient: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`_turn_into_gradient` of logits of any type, worked on in float32; adds up that of a bias."""
    if logits.dtype is torch.float32:
        sums = _turn_into_gradient(logits, labels, label_smoothing)
        if bias_gradient is not None:
            bias_gradient += logits.sum(dim=0)
        return sums
    figures = []
    for block in _list_blocks(logits):
        wide = logits[block].float()
        figures.append(_differentiate(wide, labels[block], label_smoothing))
        if bias_gradient is not None:
            bias_gradient += wide.sum(dim=0)
        logits[block] = wide
    return _add_up(figures, label_smoothing)


def _hand_over(ctx: Any, factor: torch.Tensor) -> list[torch.Tensor | None]:
    """The gradients times the factor, in place and once: nothing keeps them, so that nobody has to copy them."""
    if ctx.gradients is None:
        raise RuntimeError("the gradient of this loss can be taken once; compute the loss again")
    gradients = ctx.gradients
    ctx.gradients = None
    return [None if gradient is None else gradient.mul_(factor) for gradient in gradients]


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, labels, label_smoothing):  # noqa: ANN001
        sums = _turn_into_gradient(logits, labels, label_smoothing)
        ctx.gradients = (logits,)
        ctx.mark_non_differentiable(sums[1])
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient, _):  # noqa: ANN001
        return *_hand_over(ctx, gradient), None, None


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, states, weight, bias, labels, label_smoothing):  # noqa: ANN001
        device = states.device.type
        dtype = weight.dtype
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        wanted = ctx.needs_input_grad
        state_gradient = torch.empty_like(states) if wanted[0] else None
        bias_gradient = torch.zeros_like(bias) if wanted[2] else None
        objective, likelihood = states.new_zeros((2,), dtype=torch.float32)
        # Four bytes for each of a row's V logits.
        rows = max(1, CHUNK_BYTES // (4 * len(weight)))
        with torch.autocast(device, enabled=False):
            cast = _cast_in_tiles(weight, dtype)
            cast_bias = None if bias is None else _cast_in_tiles(bias, dtype)
            weight_gradient = torch.zeros_like(cast, dtype=weight.dtype) if wanted[1] else None
            for start in range(0, len(labels), rows):
                part = slice(start, start + rows)
                chunk = states[part].to(dtype)
                tiled = functional.linear(chunk, cast, cast_bias)
                sums = _turn_into_narrow_gradient(
                    tiled[:, : len(weight)],
                    labels[part],
                    label_smoothing,
                    bias_gradient,
                )
                # From here on `tiled` holds their gradient, and zeros behind it, as it always did.
                objective = objective + sums[0]
                likelihood = likelihood + sums[1]
                if state_gradient is not None:
                    state_gradient[part] = tiled @ cast
                if weight_gradient is not None and dtype == weight.dtype:
                    weight_gradient.addmm_(tiled.t(), chunk)
                elif weight_gradient is not None:
                    # addmm_, which needs no memory for the product, adds only what is of the same type.
                    weight_gradient += tiled.t() @ chunk
        if weight_gradient is not None:
            weight_gradient = weight_gradient[: len(weight)]
        ctx.gradients = (state_gradient, weight_gradient, bias_gradient)
        ctx.mark_non_differentiable(likelihood)
        return objective, likelihood

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient, _):  # noqa: ANN001
        return *_hand_over(ctx, gradient), None, None

"""The loss of target tokens: a sum, so that any split of a batch adds up to the same number.

The gradient of a sum needs no second look at the logits: it is worked out with the loss, in the memory of the logits,
and where the output layer is known for no more tokens at once than `CHUNK_BYTES` holds.

Shapes: N real target tokens, H width, V vocabulary.
"""

from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

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


def _turn_into_gradient(
    logits: torch.Tensor, labels: torch.Tensor, label_smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Overwrites float32 logits (N, V) with the gradient of the objective; returns both sums."""
    rows = torch.arange(len(labels), device=labels.device)
    # The softmax of a row does not change with a number taken from all of it; with the largest, exp cannot overflow.
    logits -= logits.amax(dim=-1, keepdim=True)
    # Read now: exp overwrites them.
    right = logits[rows, labels]
    mean = logits.mean(dim=-1) if label_smoothing else None
    totals = logits.exp_().sum(dim=-1, keepdim=True)
    log_totals = totals[:, 0].log()
    negative_log_likelihood = (log_totals - right).sum()
    # The gradient: the probabilities less the target, which is 1 - s at the right token plus s / V everywhere.
    logits /= totals
    logits[rows, labels] -= 1 - label_smoothing
    if mean is None:
        # A copy, as autograd marks one of the two, and not the other, as without gradient.
        return negative_log_likelihood, negative_log_likelihood.clone()
    logits -= label_smoothing / logits.shape[-1]
    over_vocabulary = (log_totals - mean).sum()
    objective = (1 - label_smoothing) * negative_log_likelihood + label_smoothing * over_vocabulary
    return objective, negative_log_likelihood


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
                tiled = functional.linear(chunk, cast, cast_bias).float()
                logits = tiled[:, : len(weight)]
                sums = _turn_into_gradient(logits, labels[part], label_smoothing)
                # From here on `logits` holds their gradient, and `tiled` zeros behind it, as it always did.
                objective = objective + sums[0]
                likelihood = likelihood + sums[1]
                gradient = tiled.to(dtype)
                if state_gradient is not None:
                    state_gradient[part] = gradient @ cast
                if weight_gradient is not None and dtype == weight.dtype:
                    weight_gradient.addmm_(gradient.t(), chunk)
                elif weight_gradient is not None:
                    # addmm_, which needs no memory for the product, adds only what is of the same type.
                    weight_gradient += gradient.t() @ chunk
                if bias_gradient is not None:
                    bias_gradient += logits.sum(dim=0)
        if weight_gradient is not None:
            weight_gradient = weight_gradient[: len(weight)]
        ctx.gradients = (state_gradient, weight_gradient, bias_gradient)
        ctx.mark_non_differentiable(likelihood)
        return objective, likelihood

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient, _):  # noqa: ANN001
        return *_hand_over(ctx, gradient), None, None

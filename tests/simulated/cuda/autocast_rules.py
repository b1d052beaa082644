"""The slow reference of CUDA's autocast: its rules, as torch's documentation lists them, on the plain CPU.

It casts the arguments of torch's functions before they are called, by name, and knows nothing of how torch does it.
Whether autocast is on, and its type, `torch.autocast("cpu")` tells: what a model asks for, and where it turns it off.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

# https://docs.pytorch.org/docs/stable/amp.html, "CUDA Ops that can autocast to float16": products of matrices.
LOWER = set(
    """
    matmul addbmm addmm addmv addr baddbmm bmm chain_matmul multi_dot conv1d conv2d conv3d conv_transpose1d
    conv_transpose2d conv_transpose3d gru_cell linear lstm_cell mm mv prelu rnn_tanh_cell rnn_relu_cell
    """.split()
)
# Made of products of matrices.
LOWER |= {"einsum", "scaled_dot_product_attention"}
# The same page, "CUDA Ops that can autocast to float32": what needs the range, or many digits. But for cross_entropy,
# which torch does not cast whole (test_autocast.py), and which no model here takes of what is not float32 already.
FLOAT32 = set(
    """
    pow rdiv rpow rtruediv acos asin binary_cross_entropy_with_logits cosh cosine_embedding_loss cdist cosine_similarity
    dist erfinv exp expm1 group_norm hinge_embedding_loss kl_div l1_loss layer_norm log log10 log1p log2
    margin_ranking_loss mse_loss multilabel_margin_loss multi_margin_loss nll_loss normalize pdist
    poisson_nll_loss reciprocal rsqrt sinh smooth_l1_loss soft_margin_loss softplus renorm tan triplet_margin_loss
    """.split()
)
# Not on the page, but made of one that is; or of torch's own list.
FLOAT32 |= {"square", "logsumexp", "rms_norm"}
# On the page among those to float32: they take the type of their result, and one that was asked for stays.
FLOAT32_RESULT = {"cumprod", "cumsum", "log_softmax", "norm", "prod", "softmax", "softmin", "sum"}
# The same page, "CUDA Ops that promote to the widest input type".
WIDEST = {
    "addcdiv", "addcmul", "atan2", "bilinear", "cross", "dot", "grid_sample", "index_put", "scatter_add", "tensordot",
}  # fmt: skip


def find_name(function: Any) -> str:
    """The name of an operator, `pow` of `__pow__` too; that of one in place keeps its mark."""
    name = getattr(function, "__name__", "")
    return name[2:-2].replace("rmatmul", "matmul") if name.startswith("__") and name.endswith("__") else name


def is_eligible(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.dtype != torch.float64


class CudaRules(TorchFunctionMode):
    """Casts as CUDA's autocast does; each weight once, as long as the mode lasts."""

    def __init__(self) -> None:
        super().__init__()
        self._weights: dict[int, torch.Tensor] = {}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if not torch.is_autocast_enabled("cpu"):
            return function(*args, **kwargs)
        lower = torch.get_autocast_dtype("cpu")
        torch.set_autocast_enabled("cpu", False)  # whose rules are others
        try:
            args, kwargs = self._cast_arguments(find_name(function), lower, args, kwargs)
            return function(*args, **kwargs)
        finally:
            torch.set_autocast_enabled("cpu", True)

    def _cast_arguments(self, name: str, lower: torch.dtype, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        eligible = [value for value in tree_leaves((args, kwargs)) if is_eligible(value)]
        if not eligible or kwargs.get("out") is not None:
            return args, kwargs
        if name in FLOAT32_RESULT:
            asked = kwargs.get("dtype") or next((value for value in args if isinstance(value, torch.dtype)), None)
            return args, kwargs if asked or not is_eligible(args[0]) else kwargs | {"dtype": torch.float32}
        dtype = None
        if name in LOWER:
            dtype = lower
        elif name in FLOAT32:
            dtype = torch.float32
        elif name in WIDEST:
            dtype = torch.float32 if any(value.dtype == torch.float32 for value in eligible) else lower
        if dtype is None:
            return args, kwargs

        def cast(value: Any) -> Any:
            return self._cast(value, dtype, lower) if is_eligible(value) else value

        return tree_map(cast, args), tree_map(cast, kwargs)

    def _cast(self, tensor: torch.Tensor, dtype: torch.dtype, lower: torch.dtype) -> torch.Tensor:
        is_weight = tensor.is_leaf and tensor.requires_grad and not tensor._is_view()
        if not (is_weight and dtype == lower and tensor.dtype == torch.float32):
            return tensor.to(dtype)
        # All uses of a weight have one cast, so that their gradients are summed before they are cast back.
        if id(tensor) not in self._weights:
            self._weights[id(tensor)] = tensor.to(dtype)
        return self._weights[id(tensor)]


@contextmanager
def autocast_by_the_rules(dtype: torch.dtype) -> Iterator[None]:
    """What the block computes on the CPU is cast as `torch.autocast("cuda", dtype)` casts it."""
    with torch.autocast("cpu", dtype=dtype), CudaRules():
        yield

"""How much arithmetic training needs by the model, and what a GPU could do at most: the two sides of the share of peak.

    share of peak (model FLOPs utilisation) = real tokens a second x FLOPs a real token / peak FLOPs a second

Only products of matrices count, as in the appendix of PaLM (Chowdhery et al. 2022), forward once and backward twice,
over real tokens alone: padding, dropout, and what gradient checkpointing computes again are no use of the model.
"""

from dataclasses import dataclass

import numpy

from .sizes import Size

FORMULA = (
    "share of peak = real tokens/s x FLOPs per real token / peak FLOPs/s. FLOPs of a pair of s source and t target "
    "tokens, width d, inner width f, L layers a side, V words: 3 x 2 x [L s (4 d^2 + 2 d f) + 2 L s^2 d + "
    "L t (4 d^2 + 2 d f) + 2 L t^2 d + L (2 t + 2 s) d^2 + 2 L s t d + t d V]; attention is counted whole, not its "
    "lower half. Tokens are those of both sides, without padding."
)


def count_flops(size: Size, source_lengths: numpy.ndarray, target_lengths: numpy.ndarray) -> float:
    """Floating-point operations of training on pairs of these lengths, each (pairs,), one by one without padding."""
    sources = source_lengths.astype(float)
    targets = target_lengths.astype(float)
    square = float(size.width**2)
    # Query, key, value and output; and the two layers behind them.
    of_a_token = 4 * square + 2 * size.width * size.inner_width
    encoder = sources * of_a_token + 2 * sources**2 * size.width
    decoder = targets * of_a_token + 2 * targets**2 * size.width
    # Query and output of each target, key and value of each source.
    cross_attention = 2 * (sources + targets) * square + 2 * sources * targets * size.width
    output = targets * size.width * size.vocabulary
    products = size.layers * (encoder + decoder + cross_attention) + output
    # A product is a multiplication and an addition; the backward pass has two for each of the forward pass.
    return float(3 * 2 * products.sum())


@dataclass(frozen=True)
class Peak:
    """What a GPU computes at most, in 10^12 operations a second of dense matrices; None where it has no such unit.

    fp32: by the units that are not for matrices. source: where the maker says so.
    """

    fp32: float
    tf32: float | None
    bf16: float | None
    source: str


HOPPER = "NVIDIA H100 Tensor Core GPU Architecture, white paper (2022); the H200 has the same processor"
AMPERE = "NVIDIA A100 Tensor Core GPU Architecture, white paper (2020)"
# By the beginning of the device's name, the longest first.
PEAKS = {
    "NVIDIA H200": Peak(66.9, 494.7, 989.4, HOPPER),
    "NVIDIA H100 80GB HBM3": Peak(66.9, 494.7, 989.4, HOPPER),
    "NVIDIA H100 PCIe": Peak(51.2, 378.0, 756.0, HOPPER),
    "NVIDIA A100": Peak(19.5, 156.0, 312.0, AMPERE),
    "NVIDIA A10": Peak(31.2, 62.5, 125.0, "NVIDIA A10 data sheet"),
    "NVIDIA L40S": Peak(91.6, 183.0, 362.0, "NVIDIA L40S data sheet"),
    "NVIDIA L4": Peak(30.3, 60.0, 121.0, "NVIDIA L4 data sheet, whose figures with sparsity are halved"),
    "Tesla V100-SXM2": Peak(15.7, None, None, "NVIDIA V100 data sheet"),
    "Tesla T4": Peak(8.1, None, None, "NVIDIA T4 data sheet"),
}


def find_peak(device: str) -> Peak | None:
    """The peak of a device by its name, None where it is not in the table.

    Example: 'NVIDIA A100-SXM4-80GB' is an 'NVIDIA A100', 'NVIDIA A1000' is not, nor is 'NVIDIA H200 NVL', which is
    clocked otherwise, an 'NVIDIA H200'.
    """
    for name, peak in PEAKS.items():
        rest = device.removeprefix(name)
        if rest != device and not rest[:1].isalnum() and "NVL" not in rest and "MIG" not in rest:
            return peak
    return None


def compute_share_of_peak(
    tokens_per_second: float, flops_per_token: float, device: str, number_type: str
) -> float | None:
    """The share, or None where the peak is not known. number_type: fp32, tf32 or bf16."""
    peak = find_peak(device)
    tera = None if peak is None else {"fp32": peak.fp32, "tf32": peak.tf32, "bf16": peak.bf16}[number_type]
    if tera is None:
        return None
    return tokens_per_second * flops_per_token / (tera * 1e12)

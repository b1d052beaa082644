"""What to tell about a step that was not finite: whether weights or gradients broke, and where first."""

from torch import nn

from .sharding import gather_tensor


def format_not_finite(model: nn.Module) -> str:
    """A sentence on the weights that are not finite, or else on the gradients; to be called on every process."""
    broken = [name for name, parameter in model.named_parameters() if not gather_tensor(parameter).isfinite().all()]
    if broken:
        return f"{len(broken)} weights are not finite themselves, the first {broken[0]}."
    largest = max(gather_tensor(parameter).abs().max().item() for parameter in model.parameters())
    gradients = [(name, parameter.grad) for name, parameter in model.named_parameters() if parameter.grad is not None]
    broken = [name for name, gradient in gradients if not gather_tensor(gradient).isfinite().all()]
    of_gradients = f"{len(broken)} of {len(gradients)} gradients are not, the first {broken[0]}. " if broken else ""
    return f"All weights are finite, the largest {largest:.3g}. {of_gradients}".rstrip()

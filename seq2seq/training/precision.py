"""Whether bf16 is faster here: what `training.precision: auto` comes to, by the hardware and the width of the model.

One process's view: that all of a run agree is not known here. The measurements are in docs/log.md.
"""

import os
from dataclasses import dataclass

import torch
from transformers import PreTrainedConfig

from ..base.errors import TrainingError
from ..families.table import find_family, list_side_configs
from ..modeling.token_loss import TokenLossModel

VARIABLE = "SEQ2SEQ_BF16"  # by which users say what the machine does not tell, or tells wrongly
SAID = {"yes": True, "no": False}
# As torch names them: of x86, and of Arm.
INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
# Measured without and with dropout: 0.7 to 1.3 times as fast at 128, 0.9 to 1.5 times at 256, 1.1 to 1.6 times at 384.
NARROWEST = 256


@dataclass(frozen=True)
class Verdict:
    """Whether bf16 is faster than fp32, and why, as half a sentence."""

    is_faster: bool
    reason: str


def judge_bf16(model: TokenLossModel, device: torch.device) -> Verdict:
    """Whether a model trains faster in bf16 on a device.

    Raises:
        TrainingError: as `judge_device`.
    """
    of_device = judge_device(device)
    if not of_device.is_faster:
        return of_device
    width = find_width(model)
    if width is None:
        return Verdict(False, "no width is known of a side that runs in mixed precision")
    if width < NARROWEST:
        return Verdict(False, f"the model is {width} wide, and bf16 gains from a width of {NARROWEST} on")
    return of_device


def judge_device(device: torch.device) -> Verdict:
    """Whether a device multiplies bf16 in hardware, which else is many times slower than fp32.

    Raises:
        TrainingError: SEQ2SEQ_BF16 is neither yes nor no.
    """
    said = os.environ.get(VARIABLE)
    if said is None:
        return _judge_gpu(device) if device.type == "cuda" else _judge_processor()
    if said not in SAID:
        raise TrainingError(f"{VARIABLE} says whether this machine is fast in bf16, yes or no (found: {said!r}).")
    return Verdict(SAID[said], f"{VARIABLE} says {said}")


def _judge_gpu(device: torch.device) -> Verdict:
    name = torch.cuda.get_device_name(device)
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Verdict(True, f"{name} multiplies bf16 in hardware")
    return Verdict(False, f"{name} does not multiply bf16 in hardware")


def _judge_processor() -> Verdict:
    found = _list_instructions()
    if not found:
        return Verdict(False, f"this processor has no instructions for bf16 ({', '.join(INSTRUCTIONS)})")
    # Without it, as on macOS, torch multiplies bf16 by loops of its own.
    if not torch.backends.mkldnn.is_available():
        return Verdict(False, "this torch has no oneDNN, which uses the processor's instructions for bf16")
    return Verdict(True, f"this processor has {found[0]}")


def _list_instructions() -> list[str]:
    capabilities = torch.cpu.get_capabilities()
    return [name for name in INSTRUCTIONS if capabilities.get(name)]


def find_width(model: TokenLossModel) -> int | None:
    """How wide a model is: its wider side, whose products take most of the time.

    Sides that stay in fp32 do not count; None where no other is left, or transformers has another word for the width.
    """
    widths = []
    for config in list_side_configs(model.config):
        width = _find_width_of_side(config)
        if width is not None and find_family(config).mixed_precision:
            widths.append(width)
    return max(widths, default=None)


def _find_width_of_side(config: PreTrainedConfig) -> int | None:
    # A family that is published whole may keep a config for each of its sides.
    return getattr(config.get_text_config(decoder=True), "hidden_size", None)

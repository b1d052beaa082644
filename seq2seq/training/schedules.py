"""Learning-rate schedules as pure functions of the step: nothing to save, nothing to restore."""

import math


def compute_rate_factor(schedule: str, step: int, *, warmup_steps: int, max_steps: int) -> float:
    """The share of the peak rate at update `step` (the first is 1).

    A linear rise to 1 at `warmup_steps`; then, with t = step - 1 - warmup over the remaining steps, linear 1 - t,
    cosine (1 + cos(pi t)) / 2, inverse square root sqrt(warmup / step), or constant.
    """
    if step <= warmup_steps:
        return step / warmup_steps
    if schedule == "constant":
        return 1.0
    if schedule == "inverse_square_root":
        return math.sqrt(max(warmup_steps, 1) / step)
    passed = (step - 1 - warmup_steps) / max(1, max_steps - warmup_steps)
    if schedule == "linear":
        return max(0.0, 1.0 - passed)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, passed)))
    raise ValueError(f"unknown schedule {schedule!r}")

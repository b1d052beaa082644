"""Learning-rate schedules as pure functions of the step: nothing to save, nothing to restore."""

import math

ENDLESS_SCHEDULES = ("constant", "inverse_square_root")  # whose rates are the same for any number of steps


def compute_rate_factor(
    schedule: str,
    step: int,
    *,
    warmup_steps: int,
    max_steps: int,
) -> float:
    """The share of the peak rate at update `step` (the first is 1).

    A linear rise to 1 at `warmup_steps`; then, with t = step - 1 - warmup over the remaining steps, linear 1 - t,
    cosine (1 + cos(pi t)) / 2, inverse square root sqrt(warmup / step), or constant.

    The schedule of Vaswani et al. 2017, c * min(step^-0.5, step * warmup^-1.5), is inverse square root with the peak
    c * warmup^-0.5. PreSumm (Liu and Lapata 2019) has two of them, c = 0.002 with 20,000 steps for the encoder and
    c = 0.2 with 10,000 for the decoder, which is new; as options of a recipe:

        schedule: inverse_square_root
        learning_rates: {encoder: 1.414e-5, decoder: 2.0e-3, random: 2.0e-3, cross_attention: 2.0e-3}
        warmups: {encoder: 20000, decoder: 10000, random: 10000, cross_attention: 10000}
    """
    if step <= warmup_steps:
        return step / warmup_steps
    if schedule == "constant":
        return 1.0
    if schedule == "inverse_square_root":
        # Without a warm-up the peak is the rate of step 1.
        return math.sqrt(max(warmup_steps, 1) / step)
    remaining = max(1, max_steps - warmup_steps)
    # The first step behind the warm-up has the peak too, and the last one more than nothing.
    passed = (step - 1 - warmup_steps) / remaining
    if schedule == "linear":
        return max(0.0, 1.0 - passed)
    if schedule == "cosine":
        angle = math.pi * min(1.0, passed)
        return 0.5 * (1.0 + math.cos(angle))
    raise ValueError(f"unknown schedule {schedule!r}")

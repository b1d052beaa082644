"""Learning-rate schedules by hand."""

import math

import pytest

from seq2seq.training.schedules import compute_rate_factor


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("linear", 1, 0.25), ("linear", 4, 1.0), ("linear", 5, 1.0), ("linear", 6, 0.9), ("linear", 14, 0.1),
        ("cosine", 5, 1.0), ("cosine", 10, 0.5), ("constant", 2, 0.5), ("constant", 14, 1.0),
        ("inverse_square_root", 2, 0.5), ("inverse_square_root", 4, 1.0), ("inverse_square_root", 16, 0.5),
    ],
)  # fmt: skip
def test_factor_with_four_warmup_steps_of_fourteen(schedule, step, expected):
    assert compute_rate_factor(schedule, step, warmup_steps=4, max_steps=14) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant", "inverse_square_root"])
def test_first_step_has_the_peak_without_warmup(schedule):
    assert compute_rate_factor(schedule, 1, warmup_steps=0, max_steps=10) == 1.0


def test_inverse_square_root_at_the_papers_peak():
    # Rothe et al.: 0.05 x 768^-0.5 x step^-0.5 at 40,000 steps is 9.0e-6, recipes write it as the peak.
    assert 0.05 * 768**-0.5 * 40_000**-0.5 == pytest.approx(9.02e-6, rel=1e-3)
    assert compute_rate_factor("inverse_square_root", 160_000, warmup_steps=40_000, max_steps=300_000) == 0.5


def test_cosine_falls_along_a_half_wave():
    factor = compute_rate_factor("cosine", 4, warmup_steps=0, max_steps=12)
    assert factor == pytest.approx((1 + math.cos(math.pi / 4)) / 2)


def test_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="unknown schedule 'steps'"):
        compute_rate_factor("steps", 9, warmup_steps=1, max_steps=10)

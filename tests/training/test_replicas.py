"""Gradients of replicas; over several processes: test_two_processes.py."""

import torch
from torch import nn

from seq2seq.training.replicas import sum_gradients


def test_trained_parameter_that_a_step_did_not_use_has_a_gradient_of_zero():
    used, unused, frozen = (nn.Parameter(torch.ones(2)) for _ in range(3))
    frozen.requires_grad_(False)
    (3 * used).sum().backward()
    sum_gradients([used, unused, frozen])
    assert (used.grad.tolist(), unused.grad.tolist(), frozen.grad) == ([3, 3], [0, 0], None)

"""The weights of linear layers in the type of autocast, cast all at once and once a step.

Autocast casts each weight by itself in every micro-batch, and each gradient back; what is computed is the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from ..engines.casting import TYPES
from ..families.table import find_family
from ..modeling.token_loss import TokenLossModel

LINEAR = (nn.Linear.forward, Conv1D.forward)  # which autocast computes in its type, and which read nothing else


@dataclass(frozen=True)
class _Slot:
    """Where a model keeps a weight: a module, the weight's name there, and its number among those that are cast."""

    module: nn.Module
    name: str
    number: int


class CastWeights:
    """Copies of weights, which stand in for them while a micro-batch is computed, and their gradients' way back."""

    def __init__(self, model: TokenLossModel, dtype: torch.dtype) -> None:
        self._weights: list[nn.Parameter] = []
        self._slots: list[_Slot] = []
        numbers: dict[int, int] = {}
        for module, name, weight in _list_weights(model):
            if id(weight) not in numbers:
                numbers[id(weight)] = len(self._weights)
                self._weights.append(weight)
            self._slots.append(_Slot(module, name, numbers[id(weight)]))
        self._copies: list[nn.Parameter] = []
        for weight in self._weights:
            self._copies.append(nn.Parameter(weight.detach().to(dtype), requires_grad=False))

    @torch.no_grad()
    def refresh(self) -> None:
        """Casts the weights as they are now; for each step anew."""
        for copy, weight in zip(self._copies, self._weights, strict=True):
            copy.requires_grad_(weight.requires_grad)
            copy.grad = None  # of a micro-batch that was broken off
        if self._copies:
            torch._foreach_copy_([*self._copies], [*self._weights])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model computes with the copies while the block runs; behind it the weights have the gradients."""
        try:
            for slot in self._slots:
                slot.module._parameters[slot.name] = self._copies[slot.number]
            yield
        finally:
            for slot in self._slots:
                slot.module._parameters[slot.name] = self._weights[slot.number]
        self._collect()

    @torch.no_grad()
    def _collect(self) -> None:
        """Adds the copies' gradients to those of the weights, in float32."""
        weights, narrow = [], []
        for weight, copy in zip(self._weights, self._copies, strict=True):
            if copy.grad is not None:
                weights.append(weight)
                narrow.append(copy.grad)
                copy.grad = None
        if not weights:
            return
        gradients = [torch.empty_like(weight) for weight in weights]
        torch._foreach_copy_(gradients, narrow)
        sums, added = [], []
        for weight, gradient in zip(weights, gradients, strict=True):
            if weight.grad is None:
                weight.grad = gradient
            else:
                sums.append(weight.grad)
                added.append(gradient)
        if sums:
            torch._foreach_add_(sums, added)


def build_cast_weights(model: TokenLossModel, precision: str) -> CastWeights | None:
    """Those of a model that trains in a precision; None where nothing is cast."""
    return CastWeights(model, TYPES[precision]) if precision in TYPES else None


def _list_weights(model: TokenLossModel) -> Iterator[tuple[nn.Module, str, nn.Parameter]]:
    """Those that linear layers alone compute with, where autocast reaches them."""
    linear = []
    out_of_reach = set(_list_out_of_reach(model))
    for module in model.modules():
        if type(module).forward in LINEAR:
            linear.append(module)
        else:
            out_of_reach |= {id(parameter) for parameter in module._parameters.values()}
    for module in linear:
        for name, parameter in module._parameters.items():
            if parameter is not None and id(parameter) not in out_of_reach:
                yield module, name, parameter


def _list_out_of_reach(model: TokenLossModel) -> Iterator[int]:
    """Ids of weights that are read otherwise than by a linear layer's own forward pass under autocast."""
    # The loss takes the output layer apart.
    yield from map(id, model.get_output_embeddings().parameters())
    for side in model.sides:
        if not find_family(side.config).mixed_precision:
            yield from map(id, side.parameters())

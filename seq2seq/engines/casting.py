"""Models in lower precision for generation: copies with weights cast once, where autocast casts them at every token.

Knows no ids and no texts.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import TypeAlias

import torch
from torch import nn

from ..modeling.token_loss import TokenLossModel
from .choices import GenerationPrecision

Marks: TypeAlias = tuple[tuple[int, int], ...]  # of every tensor, by which a change is seen

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class CastCopies:
    """Copies of a model in other precisions; made anew where a weight has changed since."""

    def __init__(self) -> None:
        self._marks: dict[str, Marks] = {}
        self._copies: dict[str, TokenLossModel] = {}

    def find(self, model: TokenLossModel, precision: GenerationPrecision) -> TokenLossModel:
        """The model itself for fp32, else its copy, in evaluation mode."""
        if precision == "fp32":
            return model
        marks = _mark(model)
        if self._marks.get(precision) != marks:
            self._copies[precision] = _cast(model, TYPES[precision]).eval()
            self._marks[precision] = marks
        return self._copies[precision]


def _mark(model: TokenLossModel) -> Marks:
    tensors = [*model.parameters(), *model.buffers()]
    return tuple((id(tensor), tensor._version) for tensor in tensors)


def _cast(model: TokenLossModel, dtype: torch.dtype) -> TokenLossModel:
    """A copy with parameters of a type. Buffers stay: rotary frequencies are worked with in float32 in any case."""
    wide = set(_list_wide(model)) if dtype is torch.float16 else set()
    cast: dict[int, nn.Parameter] = {}
    for name, parameter in model.named_parameters():
        target = torch.float32 if wide & set(name.split(".")) else dtype
        cast[id(parameter)] = nn.Parameter(parameter.detach().to(target), requires_grad=False)
    return deepcopy(model, cast)


def _list_wide(model: TokenLossModel) -> Iterator[str]:
    """Names of modules whose values fp16 does not hold, as transformers knows them: wo of T5."""
    for module in model.modules():
        yield from getattr(module, "_keep_in_fp32_modules", None) or ()

"""Which operations start a kernel on a GPU: all but views, and what only lays out memory."""

from typing import Any

import torch

ATEN = torch.ops.aten
FREE = {
    ATEN.detach.default,
    ATEN.alias.default,
    ATEN.lift.default,
    ATEN.lift_fresh.default,
    ATEN._unsafe_view.default,
    ATEN._reshape_alias.default,
    ATEN.is_same_size.default,
    ATEN.empty.memory_format,
    ATEN.empty_like.default,
    ATEN.empty_strided.default,
    ATEN.new_empty.default,
    ATEN.new_empty_strided.default,
}


def starts_kernel(function: Any) -> bool:
    is_view = any(one.alias_info is not None and not one.alias_info.is_write for one in function._schema.returns)
    return function not in FREE and not is_view

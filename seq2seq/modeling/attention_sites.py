"""Where a model attends: every attention module with its heads, and gates on what the heads give.

A site's heads meet in its output projection, whatever computes the attention itself: its input is the heads' results
side by side. That holds for every family, so gates and counts need no more than the projection. Shapes: B rows, T
positions, A heads of a site, D width of a head.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from ..families.family import AttentionNames
from .parts import find_cross_marks, find_side_families, find_sides

SiteKind = Literal["encoder", "decoder", "cross"]
KINDS: tuple[SiteKind, ...] = ("encoder", "decoder", "cross")


@dataclass(frozen=True)
class AttentionSite:
    """One attention module.

    kind: of the encoder or decoder to itself, or cross, of the decoder to the source. layer: its number among those of
    its kind, from 0. output: the projection in which the heads meet. names: how its family calls its parts. Layers that
    share their parameters, as ALBERT's, are one site.
    """

    name: str
    kind: SiteKind
    layer: int
    output: nn.Module
    heads: int
    names: AttentionNames

    @property
    def width(self) -> int:
        """Of all its heads side by side: how much `output` takes."""
        dim = 0 if isinstance(self.output, Conv1D) else 1  # GPT-2's keeps its weight turned
        return self.output.get_parameter("weight").shape[dim]


def list_sites(model: PreTrainedModel) -> list[AttentionSite]:
    """All sites of an encoder-decoder: the encoder's, the decoder's own, then those to the source, each by layer.

    Raises:
        ValueError: a side has none that is known.
    """
    encoder, decoder = find_sides(model)
    of_encoder, of_decoder = (family.attention for family in find_side_families(model))
    marks = find_cross_marks(model)
    sites: dict[SiteKind, list[AttentionSite]] = {kind: [] for kind in KINDS}
    kind: SiteKind
    for name, module in model.named_modules():
        names = of_encoder if name.startswith(encoder) else of_decoder
        attention = _find_attention(name, names)
        if attention is None:
            continue
        # Before the sides: what attends to the source lies under the decoder's prefix too.
        if any(mark in f".{name}." for mark in marks):
            kind = "cross"
        elif name.startswith(encoder):
            kind = "encoder"
        elif name.startswith(decoder):
            kind = "decoder"
        else:
            continue
        site = AttentionSite(
            name=attention,
            kind=kind,
            layer=len(sites[kind]),
            output=module,
            heads=_count_heads(model.get_submodule(attention), names),
            names=names,
        )
        sites[kind].append(site)
    for kind in KINDS:
        if not sites[kind]:
            raise ValueError(f"where a {model.config.model_type} keeps its {kind} attention is not known")
    return [*sites["encoder"], *sites["decoder"], *sites["cross"]]


def _find_attention(name: str, names: AttentionNames) -> str | None:
    """The name of the attention module that a module is the output projection of; None where it is of none.

    'encoder.layer.0.attention.output.dense' -> 'encoder.layer.0.attention'
    """
    for output in names.outputs:
        attention = name.removesuffix(f".{output}")
        if attention != name and attention.rpartition(".")[2] in names.modules:
            return attention
    return None


def _count_heads(attention: nn.Module, names: AttentionNames) -> int:
    # Most keep it in the module, or in the one inside that attends; ModernBERT and EuroBERT only in the config.
    holders = [*attention.modules(), getattr(attention, "config", None)]
    counts: list[object] = []
    for holder in holders:
        counts += [getattr(holder, name, None) for name in names.counts]
    return next(count for count in counts if isinstance(count, int))


@contextmanager
def gated(sites: Sequence[AttentionSite], gates: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Multiplies what each head gives by its gate while the block runs.

    Args:
        gates: by the site's name, (A,), or (B, A) for gates of each row's own; sites without are left as they are. They
            are moved to the model's device and type once, so that to change them in the block changes nothing.
    """
    moved: dict[tuple[Any, ...], torch.Tensor] = {}

    def find_gate(name: str, joined: torch.Tensor) -> torch.Tensor:
        if gates[name].requires_grad:  # its gradient comes by way of each forward pass's own
            return gates[name].to(joined)
        # Autocast may give a site another type from pass to pass; what inference mode makes is of no use behind it.
        key = (name, joined.device, joined.dtype, torch.is_inference_mode_enabled())
        if key not in moved:
            moved[key] = gates[name].to(joined)
        return moved[key]

    def gate(
        module: nn.Module,
        inputs: tuple[torch.Tensor, ...],
        site: AttentionSite,
    ) -> tuple[torch.Tensor, ...]:
        joined, *others = inputs  # (B, T, A x D)
        values = find_gate(site.name, joined)
        if values.dim() == 2:
            values = values[:, None]  # (B, 1, A)
        parted = joined.unflatten(-1, (site.heads, -1))  # (B, T, A, D)
        gated_heads = parted * values[..., None]
        return (gated_heads.flatten(-2), *others)

    with ExitStack() as hooks:
        for site in sites:
            if site.name in gates:
                # `site` is bound as a default: by the time a hook runs, the loop's variable is the last site.
                hook = site.output.register_forward_pre_hook(
                    lambda module, inputs, site=site: gate(module, inputs, site)
                )
                hooks.callback(hook.remove)
        yield

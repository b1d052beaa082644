"""Where a model attends: every attention module with its heads, and gates on what the heads give.

A site's heads meet in its output projection, whatever computes the attention itself: its input is the heads' results
side by side. That holds for every family, so gates and counts need no more than the projection. Shapes: B rows, T
positions, A heads of a site, D width of a head.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from transformers import PreTrainedModel

from .parts import CROSS_ATTENTION_NAMES, find_sides

SiteKind = Literal["encoder", "decoder", "cross"]
KINDS: tuple[SiteKind, ...] = ("encoder", "decoder", "cross")
# An attention module of a layer, and its output projection in it.
OUTPUT_PROJECTION = re.compile(
    r"(?P<attention>.*\.(attention|crossattention|cross_attention|attn|self_attn|encoder_attn|EncDecAttention|"
    r"(Local|TransientGlobal)?SelfAttention))"
    r"\.(output\.dense|out_lin|dense|attn\.o|o|Wo|o_proj|out_proj|c_proj|(?<=self_attn\.)output)"
)
HEAD_COUNTS = ("num_attention_heads", "n_heads", "num_heads")


@dataclass(frozen=True)
class AttentionSite:
    """One attention module.

    kind: of the encoder or decoder to itself, or cross, of the decoder to the source. layer: its number among those of
    its kind, from 0. output: the projection in which the heads meet. Layers that share their parameters, as ALBERT's,
    are one site.
    """

    name: str
    kind: SiteKind
    layer: int
    output: nn.Module
    heads: int


def list_sites(model: PreTrainedModel) -> list[AttentionSite]:
    """All sites of an encoder-decoder: the encoder's, the decoder's own, then those to the source, each by layer.

    Raises:
        ValueError: a side has none that is known.
    """
    encoder, decoder = find_sides(model)
    found: dict[SiteKind, list[tuple[str, nn.Module]]] = {kind: [] for kind in KINDS}
    for name, module in model.named_modules():
        match = OUTPUT_PROJECTION.fullmatch(name)
        if match is None:
            continue
        is_cross = any(mark in f".{name}" for mark in CROSS_ATTENTION_NAMES)
        kind = "cross" if is_cross else "encoder" if name.startswith(encoder) else "decoder"
        if kind != "decoder" or name.startswith(decoder):
            found[kind].append((match["attention"], module))
    if missing := [kind for kind, sites in found.items() if not sites]:
        raise ValueError(f"where a {model.config.model_type} keeps its {missing[0]} attention is not known")
    return [
        AttentionSite(name, kind, layer, output, _count_heads(model.get_submodule(name)))
        for kind, sites in found.items()
        for layer, (name, output) in enumerate(sites)
    ]


def _count_heads(attention: nn.Module) -> int:
    # Most keep it in the module, or in the one inside that attends; ModernBERT and EuroBERT only in the config.
    holders = [*attention.modules(), getattr(attention, "config", None)]
    return next(
        count for holder in holders for name in HEAD_COUNTS if isinstance(count := getattr(holder, name, None), int)
    )


@contextmanager
def gated(sites: Sequence[AttentionSite], gates: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Multiplies what each head gives by its gate while the block runs.

    Args:
        gates: by the site's name, (A,), or (B, A) for gates of each row's own; sites without are left as they are.
    """

    def gate(module: nn.Module, inputs: tuple[torch.Tensor, ...], site: AttentionSite) -> tuple[torch.Tensor, ...]:
        joined, *others = inputs  # (B, T, A x D)
        values = gates[site.name].to(joined)
        values = values[:, None, :, None] if values.dim() == 2 else values[:, None]
        parted = joined.unflatten(-1, (site.heads, -1))  # (B, T, A, D)
        return ((parted * values).flatten(-2), *others)

    with ExitStack() as hooks:
        for site in sites:
            if site.name in gates:
                hook = site.output.register_forward_pre_hook(
                    lambda module, inputs, site=site: gate(module, inputs, site)
                )
                hooks.callback(hook.remove)
        yield

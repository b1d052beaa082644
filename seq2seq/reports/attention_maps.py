"""Attention for people: a picture of each layer with a map for every head, and a page with the tokens.

Weights come as arrays (L layers, A heads, Q queries, K keys), by kind of attention: encoder, decoder, cross.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy

from .head_maps import TITLES
from .plots import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAPS_A_ROW = 4
MOST_NAMED = 40  # tokens of a side that still have room for their names


def build_layer_maps(
    weights: numpy.ndarray,
    queries: Sequence[str],
    keys: Sequence[str],
    title: str,
) -> "Figure":
    """The maps of one layer's heads, queries down and keys across, on the scale from 0 to 1.

    Args:
        weights: (A, Q, K).
    """
    heads = len(weights)
    columns = min(MAPS_A_ROW, heads)
    rows = math.ceil(heads / columns)
    width = columns * _measure_side(keys) + 0.6
    height = rows * (_measure_side(queries) + 0.25) + 0.4
    figure = new_figure(width, height)
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for head, axes in enumerate(panels):
        if head >= heads:  # the last row has more panels than heads
            axes.set_axis_off()
            continue
        image = axes.imshow(
            weights[head],
            cmap="Blues",
            vmin=0,
            vmax=1,
            aspect="auto",
        )
        axes.set_title(_name_head(head, weights[head]), fontsize="x-small", pad=2)
        # Tokens stand at the left and below alone: the maps between them have the same ones.
        _name_ticks(axes.yaxis, queries if head % columns == 0 else [])
        _name_ticks(axes.xaxis, keys if head + columns >= heads else [])
        axes.tick_params(length=0, labelsize=5)
        axes.tick_params(axis="x", rotation=90)
    scale = figure.colorbar(image, ax=list(panels), fraction=0.02, pad=0.01)
    scale.ax.tick_params(labelsize="x-small")
    figure.suptitle(title, fontsize="small")
    return figure


def _measure_side(tokens: Sequence[str]) -> float:
    """Inches of one side of a map."""
    return max(1.6, min(4.5, 0.8 + 0.16 * len(tokens)))


def _name_head(head: int, weights: numpy.ndarray) -> str:
    name = f"head {head}"
    if _is_pruned(weights):
        name += " (pruned)"
    return name


def _is_pruned(weights: numpy.ndarray) -> bool:
    return bool(numpy.isnan(weights).all())


def _name_ticks(axis: Any, tokens: Sequence[str]) -> None:
    names = []
    if len(tokens) <= MOST_NAMED:
        # A dollar sign would open a formula.
        names = [token.replace("$", r"\$") for token in tokens]
    axis.set_ticks(range(len(names)), names)


def name_layer(kind: str, layer: int) -> str:
    """'cross', 2 -> 'decoder, to the source, layer 2'"""
    return f"{TITLES[kind]}, layer {layer}"


def build_attention_page(pairs: Sequence[Mapping[str, Any]]) -> str:
    """A page of HTML that needs nothing else: one pair, kind, layer and head at a time.

    Args:
        pairs: each with `title`, `source` and `target` (the tokens, those of the target as the decoder reads them), and
            the weights of `encoder`, `decoder` and `cross`.
    """
    template = resources.files("seq2seq") / "embedded" / "attention.html"
    page = template.read_text(encoding="utf-8")
    packed = [_pack_pair(pair) for pair in pairs]
    data = {"titles": TITLES, "pairs": packed}
    # In a script element a text could end it, or open a comment that hides its end.
    script = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return page.replace("__DATA__", script)


def _pack_pair(pair: Mapping[str, Any]) -> dict[str, Any]:
    packed = {name: pair[name] for name in ("title", "source", "target")}
    for kind in TITLES:
        packed[kind] = _pack_weights(pair[kind])
    return packed


def _pack_weights(weights: numpy.ndarray) -> dict[str, Any]:
    """Weights as bytes, 255 for one, and which heads of each layer were pruned, whose bytes are zeros."""
    pruned = []
    for layer in weights:
        pruned.append([head for head, values in enumerate(layer) if _is_pruned(values)])
    # A byte for each keeps the page small, and no colour on it has more shades.
    scaled = numpy.rint(numpy.nan_to_num(weights) * 255)
    content = scaled.astype(numpy.uint8).tobytes()
    return {
        "layers": weights.shape[0],
        "heads": weights.shape[1],
        "pruned": pruned,
        "weights": base64.b64encode(content).decode(),
    }

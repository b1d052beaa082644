"""Heat maps of figures of heads: a map for each kind of attention, a row for each layer, a column for each head."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .plots import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {"encoder": "encoder", "decoder": "decoder, to itself", "cross": "decoder, to the source"}


def build_head_maps(figures: Mapping[str, Sequence[Mapping[int, float]]], title: str) -> "Figure":
    """Maps of one scale side by side, with their numbers where these have room.

    Args:
        figures: by kind of attention, by layer, by the head's number; a place without a head stays empty.
    """
    layers, heads = max(map(len, figures.values())), 1 + max(max(row) for rows in figures.values() for row in rows)
    figure = new_figure(len(figures) * (1.2 + 0.36 * heads) + 0.8, 1.4 + 0.34 * layers)
    highest = max((value for rows in figures.values() for row in rows for value in row.values()), default=0.0)
    panels = figure.subplots(1, len(figures), squeeze=False)[0]
    for axes, (kind, rows) in zip(panels, figures.items(), strict=True):
        filled = [[row.get(head, float("nan")) for head in range(heads)] for row in rows]
        image = axes.imshow(filled, cmap="cividis", vmin=0, vmax=highest or 1, aspect="auto")
        axes.set_title(TITLES.get(kind, kind), fontsize="small")
        axes.set(xlabel="head", xticks=range(heads), yticks=range(len(rows)))
        axes.tick_params(labelsize="x-small", length=0)
        for layer, row in enumerate(rows):
            for head, value in row.items():
                share = value / (highest or 1)
                colour = "black" if share > 0.6 else "white"
                axes.text(head, layer, f"{100 * share:.0f}", color=colour, ha="center", va="center", fontsize=6)
    panels[0].set_ylabel("layer")
    figure.colorbar(image, ax=list(panels), fraction=0.02, pad=0.01).ax.tick_params(labelsize="x-small")
    figure.suptitle(f"{title}, in percent of the highest, which is {highest:.3g}", fontsize="small")
    return figure

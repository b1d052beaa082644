"""Heat maps of figures of heads: a map for each kind of attention, a row for each layer, a column for each head."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .plots import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {"encoder": "encoder", "decoder": "decoder, to itself", "cross": "decoder, to the source"}
LIGHT_FROM = 0.6  # of the highest: above it the map is too light for white numbers
LayerFigures = Sequence[Mapping[int, float]]  # figures by layer, by the head's number


def build_head_maps(figures: Mapping[str, LayerFigures], title: str) -> "Figure":
    """Maps of one scale side by side, with their numbers where these have room.

    Args:
        figures: by kind of attention; a cell without a head stays empty.
    """
    rows: list[Mapping[int, float]] = []
    for of_kind in figures.values():
        rows += of_kind
    heads = 1 + max(max(row) for row in rows)
    highest = max(max(row.values()) for row in rows)
    figure = _new_figure_for(figures, heads)
    panels = figure.subplots(1, len(figures), squeeze=False)[0]
    scale = highest or 1  # where all figures are zero, any scale shows them
    for axes, (kind, of_kind) in zip(panels, figures.items(), strict=True):
        # Layers that were pruned have fewer heads than others.
        filled = [_fill_row(row, heads) for row in of_kind]
        image = axes.imshow(
            filled,
            cmap="cividis",
            vmin=0,
            vmax=scale,
            aspect="auto",
        )
        axes.set_title(TITLES.get(kind, kind), fontsize="small")
        axes.set(xlabel="head", xticks=range(heads), yticks=range(len(of_kind)))
        axes.tick_params(labelsize="x-small", length=0)
        _write_numbers(axes, of_kind, scale)
    panels[0].set_ylabel("layer")
    # All panels are on one scale, so that the last one's image tells that of all.
    colours = figure.colorbar(image, ax=list(panels), fraction=0.02, pad=0.01)
    colours.ax.tick_params(labelsize="x-small")
    figure.suptitle(f"{title}, in percent of the highest, which is {highest:.3g}", fontsize="small")
    return figure


def _new_figure_for(figures: Mapping[str, LayerFigures], heads: int) -> "Figure":
    """An empty figure with room for a map of each kind, and in it for the number of each head."""
    layers = max(map(len, figures.values()))
    of_map = 1.2 + 0.36 * heads
    width = len(figures) * of_map + 0.8
    height = 1.4 + 0.34 * layers
    return new_figure(width, height)


def _fill_row(row: Mapping[int, float], heads: int) -> list[float]:
    """Figures by head, not a number where there is none: its cell stays white."""
    nothing = float("nan")
    return [row.get(head, nothing) for head in range(heads)]


def _write_numbers(axes: "Axes", layers: LayerFigures, scale: float) -> None:
    for layer, row in enumerate(layers):
        for head, value in row.items():
            share = value / scale
            axes.text(
                head,
                layer,
                f"{100 * share:.0f}",
                color="black" if share > LIGHT_FROM else "white",
                ha="center",
                va="center",
                fontsize=6,
            )

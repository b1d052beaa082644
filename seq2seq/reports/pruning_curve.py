"""What is left of a model as its heads go: losses and scores over the share of heads left."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .plots import choose_style, finish_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ORDERS = {"by_importance": "least important first", "at_random": "in a random order"}
Curve = Sequence[Mapping[str, Any]]


def build_pruning_curve(curve: Curve, title: str) -> "Figure":
    """A panel for the loss and for each metric, a line for each order.

    Args:
        curve: by number of heads, `heads` and `share`, and for each order its figures by name.
    """
    names = list(curve[0]["by_importance"])
    figure = new_figure(4.2 * len(names) + 0.4, 3.4)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _draw_orders(axes, curve, name)
        # Pruning goes from all heads to few: from left to right.
        axes.invert_xaxis()
        label = "loss per target token (nats)" if name == "loss" else name
        finish_axes(axes, x="heads left, %", y=label, legend=False)
    panels[0].legend(frameon=False, fontsize="small")
    figure.suptitle(title, fontsize="small")
    return figure


def _draw_orders(axes: "Axes", curve: Curve, name: str) -> None:
    shares = [100 * point["share"] for point in curve]
    for index, (order, label) in enumerate(ORDERS.items()):
        values = [point[order][name] for point in curve]
        axes.plot(
            shares,
            values,
            label=label,
            marker="o",
            markersize=3.5,
            linewidth=1.5,
            **choose_style(index),
        )
